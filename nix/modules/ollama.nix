/**
  The models of Ollama, which its own unit puts into its directory: as its user, and where it may write.

  # Type

  ```
  ollama :: AttrSet -> { default :: String | Null, isOwn :: Bool, assertions :: a, services :: b }
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
  inherit (import ../util.nix) quote;
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

  inherit (import ../views/ollama-names.nix) complete;
  pulled = lib.genAttrs (map complete (service.loadModels or [ ])) (_name: null);

  # systemd expands what follows a single `%`.
  quoted = point: "\"${lib.escape [ "\\" "\"" ] (lib.replaceStrings [ "%" ] [ "%%" ] point)}\"";
  mountPoints = map quoted ((import ./mounts.nix { inherit lib config; }).points directory);
in
{
  inherit default;

  /**
    Whether the directory is that of the service.
  */
  isOwn = default != null && directory == normalize (toString default);

  /**
    What the service would do to the models: name -> what it is for Ollama.

    # Type

    ```
    assertions :: AttrSet -> [{ assertion :: Bool, message :: String }]
    ```
  */
  assertions =
    claims:
    map
      (message: {
        assertion = false;
        inherit message;
      })
      (
        lib.optional (settings.mode == "link" && !(isBelow home || isBelow "/var/lib/ollama")) (
          "${path}.mode = \"link\": ollama.service can make the link only below its home ${home}, and not at "
          + "${directory}: set `${path}.mode = \"directory\"`, or another directory"
        )
        ++ lib.optional (service.syncModels or false) (
          "services.ollama.syncModels = true removes all models but those of `loadModels`, and so those of "
          + "${path}: set `services.ollama.syncModels = false`"
        )
        ++ lib.concatLists (
          lib.mapAttrsToList (
            name: claim:
            map (
              model:
              "services.ollama.loadModels replaces the model ${model.name} of ${quote name} by the one that it "
              + "pulls: remove it there, or give ${quote name} another `integration.ollama.name`"
            ) (lib.filter (model: pulled ? ${complete model.name}) (claim.ollama or [ ]))
          ) claims
        )
      );

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
      # Links that are made before would be below the mount.
      unitConfig = lib.mkIf (mountPoints != [ ]) { RequiresMountsFor = mountPoints; };
    };
  };
}
