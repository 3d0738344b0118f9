# What the NixOS and the Home Manager module share: options, checks of their values, and the commands that
# run the linker.
{
  lib,
  pkgs,
  config,
  # The path of the module's options, such as "services.ai-models".
  path,
  # See ./engines.nix.
  moreOptions ? _name: { },
  missing ? { },
}:
let
  inherit (lib) mkOption types;
  inherit (import ../util.nix) match quote;
  inherit (import ./path.nix lib) isInStore normalize;
  cfg = lib.getAttrFromPath (lib.splitString "." path) config;
  hf = cfg.integration.huggingface;
  licenses = import ../licenses.nix lib;
  inherit (import ../names.nix) renaming;

  # Null is Home Manager's default.
  settings = config.nixpkgs.config or null;
  allowed = (pkgs.config or { }) // (if settings == null then { } else settings);
  allowsUnfree = allowed.allowUnfree or false || builtins.getEnv "NIXPKGS_ALLOW_UNFREE" == "1";

  # Linked, so that nothing is stored twice, unless a copy is asked for.
  forms = import ../integration/models.nix path;
  entryOf = model: (if model.layout == "copy" then forms.copied else forms.linked) model.package;

  inCache = lib.filterAttrs (_name: model: model.checked.hfCachePath or null != null) cfg.models;
  byCacheName = lib.groupBy (name: inCache.${name}.checked.hfCachePath) (lib.attrNames inCache);

  wrong = lib.concatLists (
    lib.mapAttrsToList (
      name: model:
      map (problem: "${path}.models.${lib.strings.escapeNixIdentifier name}: ${problem}") (
        if model.checked ? problem then
          [ model.checked.problem ]
        else
          lib.optional (isRefused model) (
            "its licence (${licenses.nameOf model.checked.license}) is unfree: allow that with "
            + "`nixpkgs.config.allowUnfree = true`, or set `${path}.enforceLicenses = false`"
          )
      )
    ) cfg.models
  );

  isRefused =
    model:
    cfg.enforceLicenses
    && !allowsUnfree
    && model.checked.license != null
    && licenses.isUnfree model.checked.license
    && !(allowed.allowUnfreePredicate or (_package: false) model.package)
    && !(lib.elem (lib.getName model.package) (allowed.allowUnfreePackages or [ ]));

  conflicts = lib.mapAttrsToList (
    cacheName: names:
    let
      # The first one keeps its name; it is one that has been given this name, if there is one.
      isNamed =
        name:
        let
          given = cfg.models.${name}.integration.huggingface;
        in
        given.org != null || given.model != null;
      sorted = lib.partition isNamed names;
      others = lib.tail (sorted.right ++ sorted.wrong);
      line =
        name:
        let
          assignment = renaming (lib.attrNames byCacheName) cacheName name;
        in
        if cfg.models.${name}.checked.isGiven then
          "`${assignment}` in the `fetchModel` of ${quote name}"
        else
          "`${path}.models.${lib.strings.escapeNixIdentifier name}.${assignment}`";
      both = if builtins.length names == 2 then "both" else "all";
      them = if builtins.length others == 1 then "it by that name" else "them by those names";
      list = lib.concatStringsSep " and ";
    in
    "${path}.models: ${list (map quote names)} are ${both} ${cacheName} in the cache: keep one, or write "
    + "${list (map line others)}, and load ${them}"
  ) (lib.filterAttrs (_cacheName: names: builtins.length names > 1) byCacheName);

  directoryProblems =
    option: text:
    lib.optional (isInStore text) (
      "${option} = \"${text}\" is inside the Nix store, which is read-only: set a directory outside, as a string"
    )
    ++ lib.optional (match "(/+[^/$\n\r]+)+/*" text == null) (
      "${option} = \"${text}\" is not the path of a directory: write an absolute path, without variables"
    )
    ++ lib.optional (lib.elem ".." (lib.splitString "/" text)) (
      "${option} = \"${text}\" contains `..`: write the path without it"
    );

  engines = import ./engines.nix {
    inherit
      lib
      pkgs
      path
      cfg
      directoryProblems
      moreOptions
      missing
      ;
  };

  linker = import ../bundle-python.nix [ ] "linker" ../linker;

  # Command lines of the linker for a spec.
  commandsFor =
    content:
    let
      spec = pkgs.stdenvNoCC.mkDerivation {
        name = "ai-models-links.json";
        spec = builtins.toJSON (
          {
            version = 1;
            store = builtins.storeDir;
          }
          // content
        );
        passAsFile = [ "spec" ];
        __structuredAttrs = false;
        preferLocalBuild = true;
        buildCommand = ''
          cp "$specPath" "$out"
        '';
      };
      # Isolated from users' own Python modules and settings.
      run = command: "${pkgs.python3}/bin/python3 -I -B -X utf8 ${linker} ${command} ${spec}";
    in
    {
      link = run "link";
      unlink = run "unlink";
    };
in
{
  /**
    The options that both modules declare.

    # Type

    ```
    options :: AttrSet
    ```
  */
  options = {
    enable = lib.mkEnableOption "AI models from the Nix store";

    models = mkOption {
      type = types.attrsOf (
        types.coercedTo types.package (package: { inherit package; }) (
          import ./model.nix {
            inherit lib pkgs;
            inherit (cfg) enforceLicenses;
          }
        )
      );
      default = { };
      description = "The models by their names, each with the arguments of `fetchModel`, or a model that it has made.";
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
        For each model, the directory that contains its files by their names. `from_pretrained` and the
        options of servers accept it in place of a repository name.
      '';
    };

    enforceLicenses = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to refuse models whose `meta.license` is unfree, or not known to be free, unless
        `nixpkgs.config.allowUnfree` is set. Models without `meta.license` are not refused.
      '';
    };

    modelFiles = mkOption {
      type = types.attrsOf types.raw;
      readOnly = true;
      default = engines.modelFiles;
      defaultText = lib.literalMD "paths in the Nix store";
      description = ''
        For each model, the path of each file by its name, for programs that take one file:
        `modelFiles.llama."model.gguf"`.
      '';
    };

    integration = engines.options // {
      huggingface = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = "Whether to link the models into the Hugging Face cache, where programs find them.";
        };

        mode = mkOption {
          type = types.enum [
            "link"
            "directory"
          ];
          default = "link";
          description = ''
            How a model is linked. `link`: as one link to the store path, which is read-only. `directory`: as a
            directory of links, for programs that also go online. They can follow the branch to newer commits,
            reuse unchanged files, and fetch files that the pin leaves out. Their downloads stay when the model
            is updated or removed.
          '';
        };

        offline = mkOption {
          type = types.bool;
          default = false;
          description = ''
            Whether to set `HF_HUB_OFFLINE` and `TRANSFORMERS_OFFLINE`, for system services on NixOS (all of
            them, or those in `services`) and for the user's session in Home Manager. Programs then load models
            from the cache, send no requests and cannot download anything.
          '';
        };
      };
    };
  };

  /**
    Store paths of all models, linked or not.

    # Type

    ```
    entries :: [Path]
    ```
  */
  entries = map entryOf (lib.attrValues cfg.models);

  /**
    Problems of the models, and of the directory that they are linked in.

    # Type

    ```
    assertions :: AttrSet -> [{ assertion :: Bool, message :: String }]
    ```

    # Arguments

    directory
    : The directory of the cache that the module writes to; `name` is its option.

    hub
    : The `hub` directory, if it is in this one.
  */
  assertions =
    {
      name,
      directory,
      hub ? directory,
    }:
    map
      (message: {
        assertion = false;
        inherit message;
      })
      (
        wrong
        ++ lib.optionals hf.enable (
          conflicts ++ directoryProblems "${path}.integration.huggingface.${name}" (toString directory)
        )
        ++ engines.problems (
          if hf.enable then
            {
              option = "${path}.integration.huggingface.${name}";
              directory = normalize (toString directory);
              hub = normalize (toString hub);
            }
          else
            null
        )
      );

  /**
    Settings that contradict each other.

    # Type

    ```
    warnings :: [String]
    ```
  */
  warnings = lib.optional (hf.enable && hf.offline && hf.mode == "directory") (
    "${path}.integration.huggingface: `mode = \"directory\"` is for programs that go online, which "
    + "`offline = true` prevents; remove one of them"
  );

  /**
    Environment variables for the programs that load models.

    # Type

    ```
    environment :: AttrSet
    ```
  */
  environment = lib.optionalAttrs (hf.enable && hf.offline) {
    HF_HUB_OFFLINE = "1";
    TRANSFORMERS_OFFLINE = "1";
  };

  /**
    Command lines that link the models into a hub directory, and remove the links again.

    # Type

    ```
    commands :: { hub :: String, state :: String } -> { link :: String, unlink :: String }
    ```

    # Arguments

    hub
    : The `hub` directory.

    state
    : The file in which the linker records the links that it has made.
  */
  commands =
    { hub, state }:
    commandsFor {
      hub = normalize hub;
      state = normalize state;
      inherit (hf) mode offline;
      option = path;
      entries = lib.mapAttrs' (name: model: {
        name = model.checked.hfCachePath;
        value = {
          inherit name;
          path = "${entryOf model}";
        };
      }) inCache;
    };

  /**
    The directories of other engines, which ./engines.nix describes.

    # Type

    ```
    places :: [AttrSet]
    ```
  */
  inherit (engines) places;

  /**
    The same as `commands` for one of these, with the state file beside or in the directory, or elsewhere.

    # Type

    ```
    placeCommands :: AttrSet -> String | Null -> { link :: String, unlink :: String }
    ```
  */
  placeCommands =
    place: state:
    let
      inherit (place) directory;
      inherit (place.settings) mode;
    in
    commandsFor {
      kind = "directory";
      inherit directory mode;
      inherit (place) copies;
      option = place.path;
      view = "${place.view}";
      state =
        if state != null then
          normalize state
        else if mode == "directory" then
          "${directory}/.nix-ai-models.json"
        else
          "${dirOf directory}/.nix-ai-models.${baseNameOf directory}.json";
    };
}
