# `services.ai-models` for NixOS.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.services.ai-models;
  hf = cfg.integration.huggingface;

  common = import ./common.nix {
    inherit lib pkgs config;
    path = "services.ai-models";
  };

  cacheDir = toString hf.cacheDir;
  hub = "${cacheDir}/hub";
  commands = common.commands {
    inherit hub;
    # Next to the links, so that both are lost together.
    state = "${cacheDir}/.nix-ai-models.json";
  };

  # systemd expands what follows a single `%`.
  literally = lib.replaceStrings [ "%" ] [ "%%" ];
  quoted = path: "\"${lib.escape [ "\\" "\"" ] (literally path)}\"";

  environment = {
    HF_HOME = literally cacheDir;
  }
  // common.environment;

  # If programs write to the cache, those of the group may, too.
  forPrograms = hf.mode == "directory";
  access = if forPrograms then "2775" else "0755";

  # With the colons, existing directories keep mode and owner.
  directories = map (directory: "d ${quoted directory} :${access} :${hf.user} :${hf.group} - -") [
    cacheDir
    hub
  ];

  isBelowProtected = lib.any (directory: lib.hasPrefix directory "${cacheDir}/") [
    "/boot/"
    "/efi/"
    "/etc/"
    "/usr/"
  ];

  mounts = import ./mounts.nix { inherit lib config; };
  mountPoints = mounts.points hub;
  # The unit is then not started early: the network starts after the early units.
  isRemote = mounts.isRemote hub;
  makeDirectories = lib.optional isRemote (
    "-+${config.systemd.package}/bin/systemd-tmpfiles --create "
    + pkgs.writeText "ai-models-tmpfiles.conf" (lib.concatMapStrings (rule: "${rule}\n") directories)
  );

  accountProblems = import ./accounts.nix {
    inherit lib config;
    inherit (hf) user group;
    path = "services.ai-models.integration.huggingface";
  };

  scoped = import ./services.nix {
    inherit lib environment;
    path = "services.ai-models.integration.huggingface.services";
    services = if hf.services == null then [ ] else hf.services;
    isLate = isRemote;
    definitions = map ({ snd, ... }: snd) (
      lib.filter ({ fst, ... }: fst != file) (
        lib.zipLists options.systemd.services.files options.systemd.services.definitions
      )
    );
  };

  # The name of this module, however it is imported.
  file = __curPos.file;

  owner =
    what:
    mkOption {
      type = types.str;
      default = "root";
      description = ''
        The ${what} that owns the cache, and as which `ai-models.service` runs. With `mode = "directory"`, the
        ${what} whose programs write to it. An existing directory keeps its owner.

        Declare it in `users.${what}s`. If it exists on the machine but not in the configuration, set its
        number.
      '';
    };
in
{
  _file = file;

  options.services.ai-models = lib.recursiveUpdate common.options {
    tokenFile = mkOption {
      type =
        types.nullOr (
          types.addCheck types.str (
            path: builtins.match "/[^\n\r]*" path != null && !((import ./path.nix lib).isInStore path)
          )
        )
        // {
          description = "null or absolute path outside the Nix store, as a string";
        };
      default = null;
      example = "/run/secrets/hf-token";
      description = ''
        A file that contains only a token for the Hub, for building gated and private models. It is read when
        nix-daemon starts and passed to its builds, not to any other service.

        A configuration is built by the daemon of the previous one: add the token and switch first, then add
        the models. After the file has changed, restart `ai-models-token.service` and `nix-daemon.service`.
      '';
    };

    integration.huggingface = {
      cacheDir = mkOption {
        type = types.path;
        default = "/var/cache/huggingface";
        description = ''
          The cache, which is `HF_HOME` of system services. The models are linked in its `hub/`.
        '';
      };

      services = mkOption {
        type = types.nullOr (types.listOf types.str);
        default = null;
        example = [
          "vllm"
          "ollama"
        ];
        description = ''
          The system services that get `HF_HOME`, and with `offline` also `HF_HUB_OFFLINE` and
          `TRANSFORMERS_OFFLINE`: names in `systemd.services`. Null means all of them. Variables that a service
          of the list sets itself stay as they are.
        '';
      };

      user = owner "user";
      group = owner "group";
    };
  };

  config = mkIf cfg.enable (
    lib.mkMerge [
      {
        assertions = common.assertions {
          name = "cacheDir";
          directory = hf.cacheDir;
        };
        inherit (common) warnings;
        system.extraDependencies = common.entries;
      }

      (mkIf hf.enable {
        assertions = accountProblems ++ scoped.assertions;

        systemd.tmpfiles.rules = mkIf (!isRemote) directories;

        # The links exist while the unit is active, so that they are removed with a configuration without
        # it. It is reloaded when models change, so that no model is missing meanwhile.
        systemd.services.ai-models = {
          description = "Links to AI models in the Nix store";
          wantedBy = [ (if isRemote then "multi-user.target" else "sysinit.target") ];
          requiredBy = [ "sysinit-reactivation.target" ];
          # Of file systems that are not declared, too: at shutdown, they are unmounted later.
          after = [
            (if isRemote then "remote-fs.target" else "local-fs.target")
            "systemd-tmpfiles-setup.service"
            "systemd-tmpfiles-resetup.service"
          ]
          ++ lib.optional isRemote "autofs.service";
          before = [
            "sysinit-reactivation.target"
            "shutdown.target"
          ]
          ++ lib.optional (!isRemote) "sysinit.target";
          conflicts = [ "shutdown.target" ];
          unitConfig = {
            DefaultDependencies = isRemote;
          }
          # Of the mounts that are declared: others may need the network.
          // lib.optionalAttrs (mountPoints != [ ]) { RequiresMountsFor = map quoted mountPoints; };
          reloadIfChanged = true;
          serviceConfig = import ./hardening.nix // {
            Type = "oneshot";
            RemainAfterExit = true;
            User = hf.user;
            Group = hf.group;
            # It has the lock, and records which cache this is, because the next configuration may use
            # another one.
            RuntimeDirectory = "ai-models";
            ExecStartPre = makeDirectories;
            ExecStart = commands.link;
            ExecReload = makeDirectories ++ [ commands.link ];
            ExecStop = commands.unlink;
            UMask = if forPrograms then "0002" else "0022";
            # For directories of other users.
            CapabilityBoundingSet = lib.optionalString (lib.elem hf.user [
              "root"
              "0"
            ]) "CAP_DAC_OVERRIDE CAP_FOWNER";
            # Not "strict": it also removes links from the cache of the configuration before, which can be
            # anywhere, and creates directories.
            ProtectSystem = if isBelowProtected then false else "full";
            TimeoutStartSec = "5min";
            SyslogIdentifier = "ai-models";
          };
        };
      })

      (mkIf (hf.enable && hf.services == null) {
        # For services, but not for users' programs: with an HF_HOME that root owns, users could not log in
        # to the Hub, nor keep datasets or remote code. NixOS writes it into each unit, and the environment
        # of user@ is that of all users' sessions.
        systemd.globalEnvironment = environment;
        systemd.services."user@".environment = lib.mapAttrs (_name: _value: lib.mkDefault null) environment;
      })

      (mkIf hf.enable { systemd.services = scoped.units; })

      (mkIf (cfg.tokenFile != null) (
        import ./token.nix {
          inherit
            lib
            pkgs
            config
            literally
            quoted
            ;
          file = cfg.tokenFile;
        }
      ))
    ]
  );
}
