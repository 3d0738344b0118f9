# What the NixOS and the Home Manager module have in common: their options, what is wrong with the
# values, and how the linker is run.
{
  lib,
  pkgs,
  config,
  # The path of the module's options, as in "services.ai-models".
  path,
}:
let
  inherit (lib) mkOption types;
  cfg = lib.getAttrFromPath (lib.splitString "." path) config;
  hf = cfg.integration.huggingface;
  licenses = import ./licenses.nix lib;

  # Null is Home Manager's default.
  settings = config.nixpkgs.config or null;
  allowed = (pkgs.config or { }) // (if settings == null then { } else settings);
  allowsUnfree = allowed.allowUnfree or false;

  # The form that takes no second copy, unless a copy is asked for.
  forms = import ../integration/models.nix path;
  entryOf = model: (if model.layout == "copy" then forms.copied else forms.linked) model.package;

  inCache = lib.filterAttrs (_name: model: model.checked.hfCachePath or null != null) cfg.models;
  byCacheName = lib.groupBy (name: inCache.${name}.checked.hfCachePath) (lib.attrNames inCache);

  wrong = lib.concatLists (
    lib.mapAttrsToList (
      name: model:
      map (problem: "${path}.models.${lib.strings.escapeNixIdentifier name}: ${problem}") (
        lib.optional (model.checked ? problem) model.checked.problem
        ++ lib.optional (isRefused model) (
          "its licence (${licenses.nameOf model.meta.license}) is unfree: allow that with "
          + "`nixpkgs.config.allowUnfree = true`, or say `${path}.enforceLicenses = false`"
        )
      )
    ) cfg.models
  );

  isRefused =
    model:
    cfg.enforceLicenses
    && !allowsUnfree
    && model.meta.license or null != null
    && licenses.isUnfree model.meta.license
    && !(allowed.allowUnfreePredicate or (_package: false) model.package)
    && !(lib.elem (lib.getName model.package) (allowed.allowUnfreePackages or [ ]));

  conflicts = lib.mapAttrsToList (
    cacheName: names:
    "${path}.models: ${lib.concatMapStringsSep " and " (name: "\"${name}\"") names} are ${
      if builtins.length names == 2 then "both" else "all"
    } ${cacheName} in the cache: keep one, or rename them with `integration.huggingface = { org = \"…\"; model = \"…\"; }`"
  ) (lib.filterAttrs (_cacheName: names: builtins.length names > 1) byCacheName);

  linker = import ../bundle-python.nix "linker" ../linker;
in
{
  options = {
    enable = lib.mkEnableOption "AI models from the Nix store";

    models = mkOption {
      type = types.attrsOf (
        import ./model.nix {
          inherit lib pkgs;
          inherit (cfg) enforceLicenses;
        }
      );
      default = { };
      description = "The models by their names, each as the arguments of `fetchModel`.";
      example = lib.literalExpression ''
        {
          llama-2-7b = {
            source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
            hash = "sha256-8/vd8tNIuGWaztWgMDlmuw9Q+S4+PiPG9aTTHViyXjo=";
          };
        }
      '';
    };

    modelPaths = mkOption {
      type = types.attrsOf types.str;
      readOnly = true;
      default = lib.mapAttrs (
        _name: model:
        let
          entry = entryOf model;
        in
        entry.snapshotPath or "${entry}"
      ) cfg.models;
      defaultText = lib.literalMD "paths in the Nix store";
      description = ''
        For each model, the folder that has its files by their names: what `from_pretrained` and the
        options of servers take in the place of a repository's name.
      '';
    };

    enforceLicenses = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to refuse models whose `meta.license` is unfree, or not known to be free, where
        `nixpkgs.config.allowUnfree` is not set. Models without `meta.license` are not refused.
      '';
    };

    integration.huggingface = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether to put the models where Hugging Face programs look for them.";
      };

      mode = mkOption {
        type = types.enum [
          "link"
          "directory"
        ];
        default = "link";
        description = ''
          How a model is put there. `link`: as a link to the store path, which nothing can write to.
          `directory`: as a folder of links, for programs that also go online: they can follow the branch
          to newer commits, reuse the files that have not changed, and fetch files that the pin leaves out.
          What they have downloaded stays when the model is updated or removed.
        '';
      };

      offline = mkOption {
        type = types.bool;
        default = false;
        description = ''
          Whether to set `HF_HUB_OFFLINE` and `TRANSFORMERS_OFFLINE`, for system services on NixOS and for
          the user's session in Home Manager: programs then use what is there, and ask no server whether
          there is something newer.
        '';
      };
    };
  };

  /**
    Store paths of all models, whether they are linked or not.

    # Type

    ```
    entries :: [Path]
    ```
  */
  entries = map entryOf (lib.attrValues cfg.models);

  /**
    What is wrong with the models, and with where they are to go.

    # Type

    ```
    assertions :: String -> [{ assertion :: Bool, message :: String }]
    ```

    # Arguments

    folder
    : The folder of the cache that the module writes to; `name` is its option.
  */
  assertions =
    { name, folder }:
    map
      (message: {
        assertion = false;
        inherit message;
      })
      (
        wrong
        ++ lib.optionals hf.enable (
          conflicts
          ++ lib.optional (lib.hasPrefix "${builtins.storeDir}/" "${toString folder}/") (
            "${path}.integration.huggingface.${name} = \"${toString folder}\" is inside the Nix store, "
            + "where nothing can be put: name a folder outside, as a string"
          )
          ++ lib.optional (builtins.match "(/+[^/$\n\r]+)+/*" (toString folder) == null) (
            "${path}.integration.huggingface.${name} = \"${toString folder}\" is not the path of a folder: "
            + "write an absolute one out, without variables"
          )
          ++ lib.optional (lib.elem ".." (lib.splitString "/" (toString folder))) (
            "${path}.integration.huggingface.${name} = \"${toString folder}\" leads back with `..`: "
            + "write the path without"
          )
        )
      );

  /**
    What is probably not meant.

    # Type

    ```
    warnings :: [String]
    ```
  */
  warnings = lib.optional (hf.enable && hf.offline && hf.mode == "directory") (
    "${path}.integration.huggingface: `mode = \"directory\"` is for programs that go online, which "
    + "`offline = true` forbids; leave one of them out"
  );

  environment = lib.optionalAttrs (hf.enable && hf.offline) {
    HF_HUB_OFFLINE = "1";
    TRANSFORMERS_OFFLINE = "1";
  };

  /**
    Command lines that put the models into a hub folder, and take them out again.

    # Type

    ```
    commands :: { hub :: String, state :: String } -> { link :: String, unlink :: String }
    ```

    # Arguments

    hub
    : The `hub` folder.

    state
    : The file in which the linker keeps what it has made.
  */
  commands =
    { hub, state }:
    let
      spec = pkgs.stdenvNoCC.mkDerivation {
        name = "ai-models-links.json";
        spec = builtins.toJSON {
          version = 1;
          store = builtins.storeDir;
          inherit hub state;
          inherit (hf) mode;
          option = path;
          entries = lib.mapAttrs' (name: model: {
            name = model.checked.hfCachePath;
            value = {
              inherit name;
              path = "${entryOf model}";
            };
          }) inCache;
        };
        passAsFile = [ "spec" ];
        __structuredAttrs = false;
        preferLocalBuild = true;
        buildCommand = ''
          cp "$specPath" "$out"
        '';
      };
      # Isolated: users have Python modules and settings of their own.
      run = command: "${pkgs.python3}/bin/python3 -I -B -X utf8 ${linker} ${command} ${spec}";
    in
    {
      link = run "link";
      unlink = run "unlink";
    };
}
