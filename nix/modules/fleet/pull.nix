/**
  The NixOS module of `services.ai-models.fleet.pull`: a machine whose Nix reads from the binary caches of a fleet.
*/
{
  config,
  lib,
  options,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  path = "services.ai-models.fleet.pull";
  cfg = config.services.ai-models.fleet.pull;
  shown = (import ../../util.nix).quote;

  # Settings of Nix that are written elsewhere replace defaults, and contradict what is set here.
  setting = name: lib.mkOverride options.services.ai-models.fleet.pull.${name}.highestPrio cfg.${name};

  # Nix waits for about 0.3 seconds before the second attempt, and twice as long before each further one.
  minutes = lib.foldl' (total: _attempt: total * 2) 1 (lib.range 1 (lib.min cfg.attempts 40)) / 7 / 60;
  mostAttempts = 10;

  problems =
    lib.optional (!(config.nix.enable or true)) (
      "${path} is for the Nix of NixOS, and `nix.enable = false`: remove it, and write the same into the nix.conf "
      + "of the Nix that builds"
    )
    ++ lib.optional (!cfg.substitute && !cfg.builds) (
      "${path} has no effect with `substitute = false` and `builds = false`: set one of them to true"
    )
    ++ lib.optional (cfg.caches == [ ]) (
      "${path}.caches is empty: write the URL of a binary cache, such as \"http://rack-1:8080\""
    )
    ++ lib.concatMap (
      cache:
      lib.optional (builtins.match "(https?|s3|ssh|ssh-ng|file)://[^[:space:]]+" cache == null) (
        "${path}.caches contains ${shown cache}, which is not the URL of a binary cache: write one like "
        + "http://rack-1:8080"
      )
      ++ lib.optional (builtins.match "https?://[^/]*@.*" cache != null) (
        "${path}.caches contains a URL with a user or a password, which everybody could read in the Nix store: "
        + "remove it, and write it into a file like /etc/nix/netrc, and "
        + "`nix.settings.netrc-file = \"/etc/nix/netrc\";`"
      )
    ) cfg.caches
    ++ lib.concatMap (
      key:
      let
        name = lib.head (lib.splitString ":" key);
      in
      if builtins.match "[^:[:space:]]+:[0-9A-Za-z+/]{86}==" key != null then
        [
          (
            "${path}.publicKeys contains the secret key of ${shown name}, which everybody can read in the Nix store "
            + "now: make a new pair with `nix-store --generate-binary-cache-key`, and write its public key"
          )
        ]
      else
        lib.optional (builtins.match "[^:[:space:]]+:[0-9A-Za-z+/]{43}=" key == null) (
          "${path}.publicKeys contains ${shown key}, which is not a public key: write the content of the file "
          + "that `nix-store --generate-binary-cache-key` made, such as \"cache.example.org-1:…=\""
        )
    ) cfg.publicKeys;
in
{
  options.services.ai-models.fleet.pull = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether Nix takes models, and all else that it would build, from the binary caches of a fleet.
      '';
    };

    caches = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "http://rack-1:8080"
        "https://cache.example.org"
      ];
      description = ''
        The URLs of the caches: those of machines with `fleet.serve`, or of others. Nix asks them besides those of
        `nix.settings.substituters`, in the order of their priorities.
      '';
    };

    publicKeys = mkOption {
      type = types.listOf types.str;
      default = [ ];
      # Of files that are read.
      apply = map (lib.removeSuffix "\n");
      example = [ "cache.example.org-1:…" ];
      description = ''
        The keys that have signed the entries in the caches. Files need no signature, because their paths follow
        from their content. Without a key, machines download files, and assemble the entries themselves.
      '';
    };

    attempts = mkOption {
      type = types.ints.positive;
      default = 8;
      description = ''
        How often Nix tries to download a file. It continues where it was interrupted, waits longer before each
        further attempt, and gives up after the last. A cache that does not answer delays builds for as long as
        that takes: about 4 seconds with 5 attempts, 40 with 8, and 150 with 10.
      '';
    };

    connectTimeout = mkOption {
      type = types.ints.positive;
      default = 5;
      description = "How many seconds Nix waits for a connection to a cache.";
    };

    recheckMissing = mkOption {
      type = types.ints.unsigned;
      default = 60;
      description = ''
        After how many seconds Nix asks a cache again for a path that it did not have. By default, Nix waits for
        an hour, and does not find a model that was pushed meanwhile.
      '';
    };

    substitute = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether Nix downloads from the caches. Without this, only builds do: machines assemble all entries
        themselves, and nothing else is taken from the caches.
      '';
    };

    builds = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether builds of models download from the caches, those of http and https, before they ask the source
        of the model. Builds continue each file where it stopped, however often connections break. With
        `substitute`, they do so after Nix has given up.
      '';
    };

    fallback = mkOption {
      type = types.bool;
      default = true;
      description = "Whether Nix builds, and downloads models from their source, if a cache fails.";
    };
  };

  config = mkIf cfg.enable {
    assertions = map (message: {
      assertion = false;
      inherit message;
    }) problems;

    warnings = lib.optional (cfg.attempts > mostAttempts) (
      "${path}.attempts = ${toString cfg.attempts} delays builds for ${toString minutes} minutes if a cache does "
      + "not answer, because Nix waits twice as long before each further attempt: set ${toString mostAttempts} or less"
    );

    nix.settings = {
      substituters = mkIf cfg.substitute cfg.caches;
      trusted-public-keys = cfg.publicKeys;
      download-attempts = setting "attempts";
      connect-timeout = setting "connectTimeout";
      narinfo-cache-negative-ttl = setting "recheckMissing";
      fallback = setting "fallback";
    };

    systemd.services.nix-daemon = mkIf (cfg.builds && config.nix.enable or true) {
      environment.AIMODELS_CACHES = toString (
        map (cache: lib.head (lib.splitString "?" cache)) (lib.filter (lib.hasPrefix "http") cfg.caches)
      );
    };
  };
}
