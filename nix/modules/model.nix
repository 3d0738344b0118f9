# The type of `models.<name>`: the arguments of `fetchModel`, and the package that it makes from them.
{
  lib,
  pkgs,
  enforceLicenses,
}:
let
  inherit (lib) literalMD mkOption types;
  buildModel = import ../build-model.nix pkgs;
  inherit (import ../arguments.nix) fields huggingfaceFields integrationFields;
  engines = import ../views;
  inherit (import ../sources) kinds;
  inherit (import ../util.nix) quote;
  check = (import ../arguments.nix).check (problem: {
    inherit problem;
  });

  # The option for an argument that has a default.
  argument =
    field: option:
    mkOption (
      {
        type = field.type.option lib;
        inherit (field) default;
      }
      // option
    );

  # Merged as a whole: submodules for thousands of files would take seconds.
  file = lib.mkOptionType {
    name = "file";
    description = "`{ hash; size; lfs; }`";
    descriptionClass = "noun";
    check = builtins.isAttrs;
    merge = lib.mergeEqualOption;
  };

  bundle = lib.mkOptionType {
    name = "bundle";
    description = "`{ hash; files; }`";
    descriptionClass = "noun";
    check = builtins.isAttrs;
    merge = lib.mergeEqualOption;
  };

  defaultLayout = "link";

  # The package of a model, and what the modules read of a model without instantiating it: arguments are checked
  # once for both.
  evaluate =
    name: config:
    let
      found = check (
        {
          inherit name;
          inherit (config)
            hash
            files
            bundle
            include
            exclude
            integration
            fallbacks
            meta
            ;
          source = lib.filterAttrs (_kind: arguments: arguments != null) config.source;
        }
        // lib.optionalAttrs (config.files != null || config.bundle != null) {
          inherit (config) layout;
        }
      );
      fail = problem: throw "nix-ai-models: model ${quote name}: ${problem}";
    in
    {
      checked =
        builtins.intersectAttrs {
          problem = null;
          hfCachePath = null;
        } found
        // {
          isGiven = false;
          license = config.meta.license or null;
          integration = integrationOf found config.integration;
        };
      package =
        if found ? problem then
          fail found.problem
        else
          buildModel fail (
            found
            // {
              meta = removeAttrs config.meta (lib.optional (!enforceLicenses) "license");
            }
          );
    };

  # What a model claims in the directories of engines; most models nothing.
  integrationOf =
    found: given:
    let
      others = removeAttrs given [ "huggingface" ];
    in
    if others == { } || found ? problem then { } else engines.parts found others;

  # Most models are written in one place without `mkIf` and the like, and correct. Then the module system, which
  # costs thousands of thunks per model, would do nothing but fill in defaults.
  isPlain =
    value:
    if builtins.isAttrs value then
      !(value ? _type) && builtins.all isPlain (builtins.attrValues value)
    else
      !(builtins.isList value) || builtins.all isPlain value;
  isShallow =
    value:
    !(builtins.isAttrs value)
    || (!(value ? _type) && builtins.all (each: !(each ? _type)) (builtins.attrValues value));
  isSimple =
    value:
    builtins.isAttrs value
    && removeAttrs value (builtins.attrNames defaults) == { }
    && builtins.isAttrs (value.source or { })
    && isPlain (
      removeAttrs value [
        "files"
        "bundle"
        "meta"
      ]
    )
    && isShallow (value.files or null)
    && !(value.bundle or null ? _type)
    && isShallow (value.meta or null);

  defaults = {
    inherit (lib.mapAttrs (_name: field: field.default or null) fields)
      hash
      files
      bundle
      include
      exclude
      fallbacks
      meta
      ;
    layout = defaultLayout;
    integration = { };
    source = { };
  };
  noSources = lib.mapAttrs (_kind: _declared: null) kinds;
  noIntegrations = lib.mapAttrs (_kind: field: field.default) integrationFields;
  huggingfaceDefaults = lib.mapAttrs (_name: field: field.default) huggingfaceFields;

  complete =
    name: value:
    let
      config = defaults // value;
    in
    config
    // {
      source =
        noSources
        // lib.mapAttrs (
          kind: given: if given == null then null else kinds.${kind}.arguments.defaults // given
        ) config.source;
      integration =
        noIntegrations
        // config.integration
        // {
          huggingface = huggingfaceDefaults // config.integration.huggingface or { };
        };
    }
    // evaluate name config;

  quickly =
    type:
    type
    // {
      merge =
        loc: definitions:
        let
          inherit (lib.head definitions) value;
          config = complete (lib.last loc) value;
        in
        if lib.length definitions == 1 && isSimple value && !(config.checked ? problem) then
          config
        else
          type.merge loc definitions;
      # The module system makes the type again from its modules.
      substSubModules = modules: quickly (type.substSubModules modules);
    };

  # Once for all models.
  argumentOptions = {
    hash = argument fields.hash {
      description = "The `tree` pin: one hash for the whole cache entry. With `\"\"`, the build fails and reports the right one.";
      example = "sha256-8/vd8tNIuGWaztWgMDlmuw9Q+S4+PiPG9aTTHViyXjo=";
    };

    files = argument fields.files {
      type = types.nullOr (types.attrsOf file);
      description = "The `files` pin, as `aimodels-gen lock` writes it: for each path in the repository the SRI hash, the size in bytes, and `lfs = true` if git stores a pointer instead of the file.";
      example = {
        "config.json" = {
          hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
          size = 609;
        };
      };
    };

    bundle = argument fields.bundle {
      type = types.nullOr bundle;
      description = "Small files of a `files` pin that are fetched together, as `aimodels-gen lock` writes them: the SRI hash of a directory with these files, and for each path in the repository its SRI hash and size.";
      example = {
        hash = "sha256-pQpattmS9VmO3ZIQUFn66az8GSmB4IvYhTTCFn6SUmo=";
        files."config.json" = {
          hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
          size = 609;
        };
      };
    };

    include = argument fields.include {
      description = "With `hash`: patterns of the paths to fetch. Null means all. `*` also matches `/`.";
      example = [
        "*.safetensors"
        "*.json"
      ];
    };

    exclude = argument fields.exclude {
      description = "With `hash`: patterns of the paths to leave out.";
      example = [ "*.bin" ];
    };

    layout = argument fields.layout {
      default = defaultLayout;
      description = ''
        With `files` or `bundle`: whether the entry links to the store paths of its files, or is a self-contained copy.
      '';
    };

    integration = lib.mapAttrs (_kind: field: argument field { inherit (field) description example; }) (
      integrationFields
    )
    // {
      huggingface = {
        enable = argument huggingfaceFields.enable {
          description = ''
            Whether the model is a cache entry. If not, it is a directory with the plain files, which is not
            linked into the cache: for programs that accept a path (`modelPaths`).
          '';
        };
        org = argument huggingfaceFields.org {
          description = "The organisation in the cache. Null means that of the source.";
          example = "my-org";
        };
        model = argument huggingfaceFields.model {
          description = "The model in the cache. Null means that of the source.";
          example = "fine-tuned-llama";
        };
      };
    };

    source = mkOption {
      # Exactly one kind, which `fetchModel` checks.
      type = fields.source.type.option lib;
      default = { };
      description = "Where the model comes from: exactly one kind of source.";
    };

    fallbacks = argument fields.fallbacks {
      # No submodules, whose options would be documented twice; mistakes are reported with the source's.
      type = types.listOf (types.attrsOf types.attrs);
      description = ''
        More sources that have the same files, each written like `source`. They are tried in order when the
        sources before them fail.
      '';
      example = [
        {
          s3 = {
            bucket = "my-models";
            prefix = "mirror/llama/";
          };
        }
      ];
    };

    meta = argument fields.meta {
      type = types.attrsOf types.raw;
      description = ''
        The `meta` of the package. `license` may also be a name as on the Hub, and takes effect only with
        `enforceLicenses`.
      '';
      example = {
        license = "llama2";
      };
    };
  };

  submodule = types.submodule (
    {
      name,
      config,
      options,
      ...
    }:
    let
      # A definition with a higher priority than the default.
      packageIsGiven = options.package.highestPrio < (lib.mkOptionDefault null).priority;

      evaluated = evaluate name config;

      # They are in the package, with the paths of its files.
      integrations = lib.attrNames (
        lib.filterAttrs (_kind: given: given != null && given != { }) (
          removeAttrs config.integration [ "huggingface" ]
        )
      );

      fromPackage =
        if integrations != [ ] then
          {
            problem = "`integration.${lib.head integrations}` has no effect on a `package`: write it in the `fetchModel` that makes the package";
          }
        else if !config.integration.huggingface.enable then
          { hfCachePath = null; }
        else if config.package ? hfCachePath then
          { inherit (config.package) hfCachePath; }
        else
          {
            problem = "`package` is not a cache entry made by `fetchModel` (it has no `hfCachePath`): use one, or set `integration.huggingface.enable = false`";
          };

      # `fetchModel` leaves out whether a licence is free if that is not known.
      unresolved =
        license:
        if builtins.isList license then
          map unresolved license
        else if builtins.isAttrs license && !(license ? free || license ? licenseType) then
          license.shortName or license.fullName or "unknown"
        else
          license;
    in
    {
      options = argumentOptions // {
        package = mkOption {
          type = types.package;
          default = evaluated.package;
          defaultText = literalMD "`fetchModel pkgs`, applied to the other options";
          description = "The model. It replaces `source` and the pin.";
        };

        checked = mkOption {
          type = types.raw;
          internal = true;
          readOnly = true;
          default =
            if packageIsGiven then
              fromPackage
              // {
                isGiven = true;
                integration = lib.mapAttrs (
                  kind: view: if kind == "directory" then lib.mapAttrs (_name: view: view.parts) view else view.parts
                ) (config.package.integration or { });
                license = unresolved (config.package.meta.license or null);
              }
            else
              evaluated.checked;
        };
      };
    }
  );
in
quickly submodule
