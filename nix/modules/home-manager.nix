# `programs.ai-models` for Home Manager.
{
  config,
  lib,
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
  };

  # Session variables are for a shell to expand; these are what they are made of.
  home = config.home.homeDirectory;
  cacheHome = config.xdg.cacheHome;
  expand =
    text:
    if lib.hasPrefix "~/" text then
      home + lib.removePrefix "~" text
    else
      lib.replaceStrings
        [
          "\${HOME}"
          "$HOME"
          "\${XDG_CACHE_HOME}"
          "$XDG_CACHE_HOME"
        ]
        [
          home
          home
          cacheHome
          cacheHome
        ]
        text;
  variable =
    name: default:
    let
      variables = config.home.sessionVariables;
    in
    if variables ? ${name} then expand (toString variables.${name}) else default;

  hub = toString hf.hubDir;
  commands = common.commands {
    inherit hub;
    # Not in the cache, whose parts may be anywhere.
    state = "${config.xdg.stateHome}/nix-ai-models/links.json";
  };

  # What is to be done by the next generation if it has no models. The name is its.
  undo = "ai-models-unlink";
in
{
  options.programs.ai-models = lib.recursiveUpdate common.options {
    integration.huggingface.hubDir = mkOption {
      type = types.path;
      default = variable "HF_HUB_CACHE" "${variable "HF_HOME" "${cacheHome}/huggingface"}/hub";
      defaultText = lib.literalMD ''
        as huggingface_hub finds it: `home.sessionVariables.HF_HUB_CACHE`, else `hub` below
        `home.sessionVariables.HF_HOME`, else `huggingface/hub` below `xdg.cacheHome`
      '';
      description = "The folder that the models are linked in.";
    };
  };

  config = lib.mkMerge [
    (mkIf enable {
      assertions = common.assertions {
        name = "hubDir";
        folder = hf.hubDir;
      };
      inherit (common) warnings;
      home.extraDependencies = common.entries;
    })

    (mkIf (enable && hf.enable) {
      home.sessionVariables = common.environment;

      # A problem with the cache is told, and is none of the other steps.
      home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
        ${commands.link} ''${DRY_RUN:+--dry-run} || true
      '';

      home.extraBuilderCommands = ''
        {
          echo '#!${pkgs.runtimeShell}'
          echo 'exec ${commands.unlink} "$@"'
        } > $out/${undo}
        chmod +x $out/${undo}
      '';
    })

    (mkIf (!(enable && hf.enable)) {
      home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
        if [[ -v oldGenPath && -x $oldGenPath/${undo} ]]; then
          "$oldGenPath/${undo}" ''${DRY_RUN:+--dry-run} || true
        fi
      '';
    })
  ];
}
