# The type of `models.<name>`: the arguments of `fetchModel`, and the package that it makes from them.
{
  lib,
  pkgs,
  enforceLicenses,
}:
let
  inherit (lib) literalMD mkOption types;
  fetchModel = import ../fetch-model.nix;
  check = (import ../arguments.nix).check (problem: {
    inherit problem;
  });

  # Merged as a whole: submodules for thousands of files would take seconds.
  file = lib.mkOptionType {
    name = "file";
    description = "`{ hash; size; lfs; }`";
    descriptionClass = "noun";
    check = value: builtins.isAttrs value && builtins.isString (value.hash or null);
    merge = lib.mergeEqualOption;
  };

  nullable = import ../nullable.nix lib;

  # Exactly one kind, which `fetchModel` checks.
  source = types.submodule {
    options = builtins.mapAttrs (
      _name: kind:
      nullable (types.submodule { options = kind.options lib; }) kind.description kind.example
    ) (import ../sources).kinds;
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
      inherit (config)
        hash
        files
        include
        exclude
        integration
        fallbacks
        ;
      source = lib.filterAttrs (_kind: arguments: arguments != null) config.source;
    }
    // lib.optionalAttrs (config.files != null) { inherit (config) layout; };

    fromPackage =
      if !config.integration.huggingface.enable then
        { hfCachePath = null; }
      else if config.package ? hfCachePath then
        { inherit (config.package) hfCachePath; }
      else
        {
          problem = "`package` is not a cache entry made by `fetchModel` (it has no `hfCachePath`): use one, or set `integration.huggingface.enable = false`";
        };
  in
  {
    options = {
      source = mkOption {
        type = source;
        default = { };
        description = "Where the model comes from: exactly one kind of source.";
      };

      fallbacks = mkOption {
        # No submodules, whose options would be documented twice; mistakes are reported with the source's.
        type = types.listOf (types.attrsOf types.attrs);
        default = [ ];
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

      hash =
        nullable types.str
          "The `tree` pin: one hash for the whole cache entry. With `\"\"`, the build fails and reports the right one."
          "sha256-8/vd8tNIuGWaztWgMDlmuw9Q+S4+PiPG9aTTHViyXjo=";

      files =
        nullable (types.attrsOf file)
          "The `files` pin, as `aimodels-gen lock` writes it: for each path in the repository the SRI hash, the size in bytes, and `lfs = true` if git stores a pointer instead of the file."
          {
            "config.json" = {
              hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
              size = 609;
            };
          };

      include =
        nullable (types.listOf types.str)
          "With `hash`: patterns of the paths to fetch. Null means all. `*` also matches `/`."
          [
            "*.safetensors"
            "*.json"
          ];

      exclude = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "With `hash`: patterns of the paths to leave out.";
        example = [ "*.bin" ];
      };

      layout = mkOption {
        type = types.enum [
          "copy"
          "link"
        ];
        default = "link";
        description = ''
          With `files`: whether the entry links to the store paths of its files, or is a self-contained copy.
        '';
      };

      integration.huggingface = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = ''
            Whether the model is a cache entry. If not, it is a directory with the plain files, which is not
            linked into the cache: for programs that accept a path (`modelPaths`).
          '';
        };
        org = nullable types.str "The organisation in the cache. Null means that of the source." "my-org";
        model =
          nullable types.str "The model in the cache. Null means that of the source." "fine-tuned-llama";
      };

      meta = mkOption {
        type = types.attrsOf types.raw;
        default = { };
        description = ''
          The `meta` of the package. `license` may also be a name as on the Hub, and takes effect only with
          `enforceLicenses`.
        '';
        example = {
          license = "llama2";
        };
      };

      package = mkOption {
        type = types.package;
        default = fetchModel pkgs (
          arguments
          // {
            inherit name;
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
          else
            builtins.intersectAttrs {
              problem = null;
              hfCachePath = null;
            } (check arguments);
      };
    };
  }
)
