# The type of `models.<name>`: the arguments of `fetchModel`, and the package that it makes from them.
{
  lib,
  pkgs,
  enforceLicenses,
}:
let
  inherit (lib) literalMD mkOption types;
  fetchModel = import ../fetch-model.nix;
  inherit (import ../arguments.nix) fields huggingfaceFields;
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
      default = "link";
      description = ''
        With `files` or `bundle`: whether the entry links to the store paths of its files, or is a self-contained copy.
      '';
    };

    integration.huggingface = {
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
in
types.submodule (
  {
    name,
    config,
    options,
    ...
  }:
  let
    # A definition with a higher priority than the default.
    packageIsGiven = options.package.highestPrio < (lib.mkOptionDefault null).priority;

    arguments = {
      inherit name;
      inherit (config)
        hash
        files
        bundle
        include
        exclude
        integration
        fallbacks
        ;
      source = lib.filterAttrs (_kind: arguments: arguments != null) config.source;
    }
    // lib.optionalAttrs (config.files != null || config.bundle != null) { inherit (config) layout; };

    fromPackage =
      if !config.integration.huggingface.enable then
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
        default = fetchModel pkgs (
          arguments
          // {
            meta = removeAttrs config.meta (lib.optional (!enforceLicenses) "license");
          }
        );
        defaultText = literalMD "`fetchModel pkgs`, applied to the other options";
        description = "The model. It replaces `source` and the pin.";
      };

      # What the modules read of a model without instantiating it.
      checked = mkOption {
        type = types.raw;
        internal = true;
        readOnly = true;
        default =
          if packageIsGiven then
            fromPackage
            // {
              isGiven = true;
              license = unresolved (config.package.meta.license or null);
            }
          else
            builtins.intersectAttrs {
              problem = null;
              hfCachePath = null;
            } (check (arguments // { inherit (config) meta; }))
            // {
              isGiven = false;
              license = config.meta.license or null;
            };
      };
    };
  }
)
