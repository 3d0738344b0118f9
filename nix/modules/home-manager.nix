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
  # In a terminal that a service has started, such as a notebook's, this variable is the service's.
  commands = lib.mapAttrs (_name: command: "RUNTIME_DIRECTORY= ${command}") (
    common.commands {
      inherit hub;
      # Not in the cache, whose parts may be in different places.
      state = "${config.xdg.stateHome}/nix-ai-models/links.json";
    }
  );

  # A program that the next generation runs if it has no models. That generation knows its name only.
  undo = "ai-models-unlink";
in
{
  options.programs.ai-models = lib.recursiveUpdate common.options {
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

  config = lib.mkMerge [
    (mkIf enable {
      assertions = common.assertions {
        name = "hubDir";
        directory = hf.hubDir;
      };
      inherit (common) warnings;
      home.extraDependencies = common.entries;
    })

    (mkIf (enable && hf.enable) {
      home.sessionVariables = common.environment;

      # A problem with the cache is reported, but does not stop the other steps.
      home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
        ${commands.link} ''${DRY_RUN+--dry-run} || true
      '';

      home.extraBuilderCommands = ''
        {
          echo '#!${pkgs.runtimeShell}'
          echo '${commands.unlink} "$@"'
        } > $out/${undo}
        chmod +x $out/${undo}
      '';
    })

    (mkIf (!(enable && hf.enable)) {
      home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
        if [[ -v oldGenPath && -x $oldGenPath/${undo} ]]; then
          "$oldGenPath/${undo}" ''${DRY_RUN+--dry-run} || true
        fi
      '';
    })
  ];
}
