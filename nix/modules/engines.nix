# Directories of engines that do not read the Hugging Face cache: their options, what is put into them, and
# what is wrong with that.
{
  lib,
  pkgs,
  # The path of the module's options, such as "services.ai-models", and their values.
  path,
  cfg,
  # Problems of a value of an option that is a directory: name of the option -> value -> [String].
  directoryProblems,
  # Options that only one of the modules has, for each directory: its name -> AttrSet.
  moreOptions,
  # Kind -> what to say if the directory is not set, and no module has a default.
  missing ? { },
}:
let
  inherit (lib) mkOption types;
  inherit (import ../util.nix) match quote;
  inherit (import ../views/placing.nix) isName;
  inherit (import ./path.nix lib) normalize;
  completeName = (import ../views/ollama-names.nix).complete;
  names = import ../names.nix;
  integration = import ../integration;

  kinds = {
    comfyui = {
      title = "ComfyUI";
      example = "/var/lib/comfyui/models";
    };
    lmstudio = {
      title = "LM Studio";
      example = "/home/alice/.lmstudio/models";
    };
    ollama = {
      title = "Ollama";
      example = "/var/lib/ollama/models";
    };
    triton = {
      title = "Triton";
      example = "/var/lib/triton/models";
    };
  };

  optionsOf =
    {
      name,
      what,
      example,
    }:
    {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether to put the models into ${what}.";
      };

      modelsDir = mkOption {
        # An assertion reports what is not the path of a directory.
        type = types.nullOr (types.either types.path types.str) // {
          description = "null or absolute path";
        };
        default = null;
        inherit example;
        description = "The directory in which the program looks for models.";
      };

      mode = mkOption {
        type = types.enum [
          "link"
          "directory"
        ];
        default = "directory";
        description = ''
          How the models are put there. `directory`: as a directory of links, beside the user's own files.
          `link`: the directory itself is one link to the store path with all models, which is read-only.
        '';
      };
    }
    // moreOptions name;

  # Most models have none.
  integrated = lib.filterAttrs (
    _name: model: model.checked.integration or { } != { }
  ) cfg.models;

  place =
    {
      name,
      option,
      title,
      example,
      settings,
      # The integration of a model: what it claims, or null.
      select,
      build,
      copies ? [ ],
    }:
    let
      models = lib.filterAttrs (_name: model: select model.checked.integration != null) integrated;
    in
    {
      inherit
        name
        title
        example
        settings
        models
        copies
        ;
      path = "${path}.integration.${option}";
      directory = normalize (toString settings.modelsDir);
      isActive = settings.enable && models != { };
      claims = lib.mapAttrs (_name: model: select model.checked.integration) models;
      view = build (lib.mapAttrs (_name: model: model.package) models);
    };

  ofKind =
    kind:
    { title, example }:
    place {
      name = kind;
      option = kind;
      inherit title example;
      settings = cfg.integration.${kind};
      select = given: given.${kind} or null;
      build =
        models:
        if kind == "ollama" then
          integration.mkOllamaModels pkgs models
        else
          integration.mkDirectory pkgs {
            inherit models;
            directory = kind;
          };
      # `ollama pull` writes to a manifest that is there: through a link, to the store.
      copies = lib.optionals (kind == "ollama") [
        "manifests"
        "manifests-v2"
      ];
    };

  ofDirectory =
    name:
    place {
      name = "directory-${name}";
      option = "directory.${lib.strings.escapeNixIdentifier name}";
      title = "the directory ${quote name}";
      example = "/srv/${name}";
      settings =
        cfg.integration.directory.${name} or {
          enable = true;
          modelsDir = null;
          mode = "directory";
        };
      select = given: given.directory.${name} or null;
      build =
        models:
        integration.mkDirectory pkgs {
          inherit models;
          directory = name;
        };
    };

  directoryNames = lib.unique (
    lib.concatMap (model: lib.attrNames (model.checked.integration.directory or { })) (
      lib.attrValues integrated
    )
  );

  active =
    if integrated == { } then
      [ ]
    else
      lib.filter (each: each.isActive) (
        lib.mapAttrsToList ofKind kinds ++ map ofDirectory (lib.naturalSort directoryNames)
      );
  withDirectory = lib.filter (each: each.settings.modelsDir != null) active;

  of = name: "${path}.models.${lib.strings.escapeNixIdentifier name}";
  isGiven = name: cfg.models.${name}.checked.isGiven;

  unset =
    each:
    lib.optional (each.settings.modelsDir == null) (
      "${each.path}: ${quote (lib.head (lib.attrNames each.models))} is for ${each.title}, and the path of its "
      + "directory is not set: ${
        missing.${each.name}
          or "set `${each.path}.modelsDir = \"${each.example}\"`, or `${each.path}.enable = false`"
      }"
    );

  # The names that a model has for Ollama, as Ollama completes them, or its paths in a directory, with what is
  # known of each: `given`, and `line` with another one.
  claimsOf =
    name: claim:
    map (model: {
      key = completeName model.name;
      given = "the model ${model.name}";
      line = "integration.ollama.name = ${
        quote (
          if match ".*:[^/]*" model.name != null then
            "${model.name}-${names.sanitize name}"
          else
            "${model.name}:${names.sanitize name}"
        )
      }";
    }) (claim.ollama or [ ])
    ++ lib.concatMap (
      link:
      let
        isDirectory = lib.hasSuffix "/" link.path;
        key = if isDirectory then link.path + baseNameOf link.file else link.path;
      in
      lib.optional (!isDirectory || isName link.file) {
        inherit key;
        given = key;
        line =
          lib.replaceStrings
            [ "%NEW%" "%FILE%" "%MODEL%" ]
            [ "${names.sanitize name}-${baseNameOf link.file}" link.file (names.sanitize name) ]
            link.line;
      }
    ) (claim.links or [ ]);

  taken =
    each:
    let
      all = lib.concatLists (
        lib.mapAttrsToList (name: claim: map (found: found // { inherit name; }) (claimsOf name claim)) each.claims
      );
      groups = lib.filterAttrs (
        _key: found: builtins.length (lib.unique (map ({ name, ... }: name) found)) > 1
      ) (lib.groupBy ({ key, ... }: key) all);
    in
    lib.mapAttrsToList (
      _key: found:
      let
        first = lib.head found;
        other = lib.findFirst ({ name, ... }: name != first.name) first found;
        line =
          if isGiven other.name then
            "`${other.line}` in the `fetchModel` of ${quote other.name}"
          else
            "`${of other.name}.${other.line}`";
      in
      "${path}.models: ${quote first.name} and ${quote other.name} are both ${other.given} for ${each.title}: "
      + "keep one, or write ${line}"
    ) groups;

  shared =
    let
      groups = lib.filterAttrs (_directory: found: builtins.length found > 1) (
        lib.groupBy (each: each.directory) withDirectory
      );
    in
    lib.mapAttrsToList (
      directory: found:
      "${lib.concatMapStringsSep " and " (each: "${each.path}.modelsDir") found} are the same directory, "
      + "${directory}: set another one for all but one of them"
    ) groups;

  # In the cache, and directories that are inside of what is one link.
  nested =
    cache:
    lib.optionals (cache != null) (
      map
        (
          each:
          "${each.path}.modelsDir = \"${each.directory}\" is where ${cache.option} has the Hugging Face cache: "
          + "set another directory"
        )
        (
          lib.filter (
            each: each.directory == cache.directory || lib.hasPrefix "${cache.hub}/" "${each.directory}/"
          ) withDirectory
        )
    )
    ++ lib.concatMap (
      outer:
      map
        (
          inner:
          "${inner.option} is inside of ${outer.path}.modelsDir, which is one link to the store: set "
          + "`${outer.path}.mode = \"directory\"`, or another directory"
        )
        (
          lib.filter (inner: lib.hasPrefix "${outer.directory}/" inner.directory) (
            map (each: {
              option = "${each.path}.modelsDir";
              inherit (each) directory;
            }) withDirectory
            ++ lib.optional (cache != null) cache
          )
        )
    ) (lib.filter (each: each.settings.mode == "link") withDirectory);
in
{
  /**
    The options below `integration`.

    # Type

    ```
    options :: AttrSet
    ```
  */
  options =
    lib.mapAttrs (
      kind:
      { title, example }:
      optionsOf {
        name = kind;
        what = "the directory of ${title}";
        inherit example;
      }
    ) kinds
    // {
      directory = mkOption {
        type = types.attrsOf (
          types.submodule (
            { name, ... }:
            {
              options = optionsOf {
                inherit name;
                what = "this directory";
                example = "/srv/models";
              };
            }
          )
        );
        default = { };
        description = "The directories that models name in `models.<name>.integration.directory`.";
        example = {
          whisper = {
            modelsDir = "/srv/whisper";
          };
        };
      };
    };

  /**
    The directories that get models.

    # Type

    ```
    places :: [AttrSet]
    ```
  */
  places = withDirectory;

  /**
    What is wrong with the directories, and with what models claim in them.

    # Type

    ```
    problems :: { option, directory, hub } | Null -> [String]
    ```

    # Arguments

    cache
    : The option of the Hugging Face cache, its directory, and the `hub` in it; null without it.
  */
  problems =
    cache:
    lib.concatMap (each: unset each ++ taken each) active
    ++ lib.concatMap (
      each: directoryProblems "${each.path}.modelsDir" (toString each.settings.modelsDir)
    ) withDirectory
    ++ shared
    ++ nested cache;

  /**
    The `modelFiles` of each model.

    # Type

    ```
    modelFiles :: AttrSet
    ```
  */
  modelFiles = lib.mapAttrs (_name: model: model.package.modelFiles or { }) cfg.models;
}
