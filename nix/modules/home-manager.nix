# `programs.ai-models` for Home Manager.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.programs.ai-models;
  hf = cfg.integration.huggingface;
  enable = cfg.enable && !(config.uninstall or false);

  common = import ./common.nix {
    inherit lib pkgs config;
    path = "programs.ai-models";
    moreOptions = _name: { };
  };

  # Shells expand session variables; the values of these are known here.
  known = {
    HOME = config.home.homeDirectory;
    USER = config.home.username;
    XDG_CACHE_HOME = config.xdg.cacheHome;
    XDG_CONFIG_HOME = config.xdg.configHome;
    XDG_DATA_HOME = config.xdg.dataHome;
    XDG_STATE_HOME = config.xdg.stateHome;
  };
  valueOf =
    reference:
    let
      name = lib.findFirst (group: group != null) "" (lib.tail reference);
    in
    known.${name} or "\$${name}";
  expand =
    text:
    if text == "~" || lib.hasPrefix "~/" text then
      known.HOME + lib.removePrefix "~" text
    else
      lib.concatMapStrings (part: if lib.isList part then valueOf part else part) (
        lib.split "[$]([{]([0-9A-Za-z_]+)[}]|([0-9A-Za-z_]+))" text
      );
  variable =
    name: default:
    let
      value = config.home.sessionVariables.${name} or null;
    in
    if value == null then default else expand (toString value);

  hub = toString hf.hubDir;
  # Not beside the links, whose directories may be in different places.
  stateOf = name: "${config.xdg.stateHome}/nix-ai-models/${name}.json";

  # Programs that the next generation runs if it does not have the same links. That generation knows their
  # names only.
  undo = "ai-models-unlink";

  linked =
    lib.optional hf.enable {
      name = undo;
      commands = common.commands {
        inherit hub;
        state = stateOf "links";
      };
    }
    ++ map (place: {
      name = "${undo}-${place.name}";
      commands = common.placeCommands place (stateOf place.name);
    }) common.places;

  # In a terminal that a service has started, such as a notebook's, this variable is the service's.
  run = command: "RUNTIME_DIRECTORY= ${command}";

  # Links of the generation before that are not in this one.
  unlinkOthers = names: ''
    if [[ -v oldGenPath ]]; then
      for undo in "$oldGenPath/${undo}"*; do
        case " ${toString names} " in
          *" ''${undo##*/} "*) ;;
          *)
            if [[ -x $undo ]]; then
              "$undo" ''${DRY_RUN+--dry-run} || true
            fi
            ;;
        esac
      done
    fi
  '';

  ollama = cfg.integration.ollama;
  ollamaService = config.services.ollama or { };
in
{
  options.programs.ai-models = lib.recursiveUpdate common.options {
    integration.lmstudio.modelsDir = mkOption {
      default = "${known.HOME}/.lmstudio/models";
      defaultText = lib.literalMD "`.lmstudio/models` in the home directory";
    };

    integration.ollama.modelsDir = mkOption {
      default = expand (
        ollamaService.environmentVariables.OLLAMA_MODELS or (variable "OLLAMA_MODELS" "~/.ollama/models")
      );
      defaultText = lib.literalMD ''
        `OLLAMA_MODELS` of `services.ollama.environmentVariables` or `home.sessionVariables`, or else
        `.ollama/models` in the home directory
      '';
    };

    integration.huggingface.hubDir = mkOption {
      # The default comes from session variables and may not be a path, which an assertion reports.
      type = types.either types.path types.str // {
        description = "absolute path";
      };
      default = variable "HF_HUB_CACHE" "${variable "HF_HOME" "${variable "XDG_CACHE_HOME" config.xdg.cacheHome}/huggingface"}/hub";
      defaultText = lib.literalMD ''
        as huggingface_hub finds it, from `home.sessionVariables`: `HF_HUB_CACHE`, or else `hub` below
        `HF_HOME`, or else `huggingface/hub` below `XDG_CACHE_HOME` or `xdg.cacheHome`
      '';
      description = "The directory in which the models are linked.";
    };
  };

  config = lib.mkMerge (
    [
      (mkIf enable {
        assertions = common.assertions {
          name = "hubDir";
          directory = hf.hubDir;
        };
        inherit (common) warnings;
        home.extraDependencies = common.entries;
      })

      (mkIf (enable && hf.enable) { home.sessionVariables = common.environment; })

      (mkIf enable {
        # A problem with a directory is reported, but does not stop the other steps.
        home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] (
          unlinkOthers (map ({ name, ... }: name) linked)
          + lib.concatMapStrings (
            { commands, ... }:
            ''
              ${run commands.link} ''${DRY_RUN+--dry-run} || true
            ''
          ) linked
        );

        home.extraBuilderCommands = lib.concatMapStrings (
          { name, commands }:
          ''
            {
              echo '#!${pkgs.runtimeShell}'
              echo '${run commands.unlink} "$@"'
            } > $out/${name}
            chmod +x $out/${name}
          ''
        ) linked;
      })

      (mkIf (!enable) {
        home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] (unlinkOthers [ ]);
      })
    ]
    # The directory must not depend on this.
    ++ lib.optional (options ? services.ollama.environmentVariables) (
      mkIf (enable && ollama.enable && ollama.mode == "link") {
        # There is nothing to remove in the store.
        services.ollama.environmentVariables.OLLAMA_NOPRUNE = lib.mkDefault "1";
      }
    )
  );
}
