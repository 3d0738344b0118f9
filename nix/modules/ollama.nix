/**
  The models of Ollama, which its own unit puts into its directory: as its user, and where it may write.

  # Type

  ```
  ollama :: AttrSet -> { default :: String | Null, isOwn :: Bool, assertions :: [AttrSet], services :: a }
  ```
*/
{
  lib,
  config,
  # The declared options, because the option for the directory has two names.
  options,
  # Of `integration.ollama`.
  path,
  settings,
}:
let
  inherit (import ./path.nix lib) normalize;
  service = config.services.ollama or { };
  declared = options.services.ollama or { };
  isEnabled = service.enable or false;

  # `models` is the older name, for which newer modules have an alias that warns.
  default =
    if !isEnabled then
      null
    else if declared ? modelsDir then
      service.modelsDir
    else
      service.models or null;

  directory = normalize (toString settings.modelsDir);
  home = normalize (toString (service.home or "/var/lib/ollama"));
  isBelow = parent: lib.hasPrefix "${parent}/" directory;
in
{
  inherit default;

  /**
    Whether the directory is that of the service.
  */
  isOwn = default != null && directory == normalize (toString default);

  assertions = lib.optional (settings.mode == "link" && !(isBelow home || isBelow "/var/lib/ollama")) {
    assertion = false;
    message =
      "${path}.mode = \"link\": ollama.service can make the link only below its home ${home}, and not at "
      + "${directory}: set `${path}.mode = \"directory\"`, or another directory";
  };

  /**
    What is added to the unit.
  */
  services = commands: {
    ollama = {
      # A server without our models is better than none: the journal has the reason.
      serviceConfig = {
        ExecStartPre = [ "-${commands.link}" ];
        ExecStopPost = [ "-${commands.unlink}" ];
      };
      # There is nothing to remove in the store.
      environment = lib.mkIf (settings.mode == "link") { OLLAMA_NOPRUNE = lib.mkDefault "1"; };
    };
  };
}
