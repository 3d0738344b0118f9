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
    moreOptions = name: {
      user = ownerOf name "user";
      group = ownerOf name "group";
    };
    missing.ollama =
      "set `services.ollama.enable = true`, or `services.ai-models.integration.ollama.modelsDir = "
      + "\"/var/lib/ollama/models\"`";
  };

  ollama = import ./ollama.nix {
    inherit lib config options;
    path = "services.ai-models.integration.ollama";
    settings = cfg.integration.ollama;
  };
  isOllamas = place: place.name == "ollama" && ollama.isOwn;
  placeCommands = place: common.placeCommands place null;

  # Each directory has a unit, which runs as the user of the directory.
  units = map (
    place:
    let
      inherit (place) directory;
    in
    import ./unit.nix {
      inherit lib pkgs config;
      inherit (place.settings) user group;
      inherit (place) path;
      name = "ai-models-${place.name}";
      description = "Links to AI models for ${place.title}";
      forPrograms = place.settings.mode == "directory";
      directories = [ (if place.settings.mode == "directory" then directory else dirOf directory) ];
      place = directory;
      commands = placeCommands place;
    }
  ) (lib.filter (place: !(isOllamas place)) common.places);

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

  links = import ./unit.nix {
    inherit
      lib
      pkgs
      config
      commands
      ;
    inherit (hf) user group;
    name = "ai-models";
    description = "Links to AI models in the Nix store";
    path = "services.ai-models.integration.huggingface";
    forPrograms = hf.mode == "directory";
    directories = [
      cacheDir
      hub
    ];
    place = hub;
  };

  scoped = import ./services.nix {
    inherit lib environment;
    path = "services.ai-models.integration.huggingface.services";
    services = if hf.services == null then [ ] else hf.services;
    isLate = links.isRemote;
    definitions = map ({ snd, ... }: snd) (
      lib.filter ({ fst, ... }: fst != file) (
        lib.zipLists options.systemd.services.files options.systemd.services.definitions
      )
    );
  };

  # The name of this module, however it is imported.
  file = __curPos.file;

  ownerOf =
    _name: what:
    mkOption {
      type = types.str;
      default = "root";
      description = ''
        The ${what} that owns the directory, and as which its unit puts the models there. An existing directory
        keeps its owner. The service of Ollama does it as its own ${what}.
      '';
    };

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

  imports = [
    ./fleet/pull.nix
    ./fleet/serve.nix
  ];

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

    integration.ollama.modelsDir = mkOption {
      default = ollama.default;
      defaultText = lib.literalMD "that of `services.ollama`, if it is enabled";
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
        assertions =
          common.assertions {
            name = "cacheDir";
            directory = hf.cacheDir;
            inherit hub;
          }
          ++ lib.concatMap (unit: unit.assertions) units
          ++ lib.concatMap (place: ollama.assertions place.claims) (lib.filter isOllamas common.places);
        systemd.tmpfiles.rules = lib.mkMerge (map (unit: unit.systemd.tmpfiles.rules) units);
        systemd.services = lib.mkMerge (
          map (unit: unit.systemd.services) units
          ++ map (place: ollama.services (placeCommands place)) (lib.filter isOllamas common.places)
        );
        inherit (common) warnings;
        system.extraDependencies = common.entries;
      }

      (mkIf hf.enable {
        inherit (links) systemd;
        assertions = links.assertions ++ scoped.assertions;
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
