# The type of `models.<name>`: the arguments of `fetchModel`, and the package that it makes of them.
{
  lib,
  pkgs,
  enforceLicenses,
}:
let
  inherit (lib) literalMD mkOption types;
  inherit (import ../.) fetchModel;
  check = (import ../arguments.nix).check (problem: {
    inherit problem;
  });

  # Merged as a whole: a submodule for each of thousands of files would take seconds.
  file = lib.mkOptionType {
    name = "file";
    description = "`{ hash; size; lfs; }`";
    descriptionClass = "noun";
    check = value: builtins.isAttrs value && builtins.isString (value.hash or null);
    merge = lib.mergeEqualOption;
  };

  nullable = import ../nullable.nix lib;

  # Exactly one kind; `fetchModel` says so where it is not.
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
    # By anything but the default.
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
          problem = "`package` is no cache entry, as `fetchModel` makes it (it has no `hfCachePath`); give it one, or say `integration.huggingface.enable = false`";
        };
  in
  {
    options = {
      source = mkOption {
        type = source;
        default = { };
        description = "Where the model is: exactly one kind of source.";
      };

      fallbacks = mkOption {
        # No submodules, whose options would be described twice: what is wrong shows with the source.
        type = types.listOf (types.attrsOf types.attrs);
        default = [ ];
        description = ''
          More sources that have the same files, each written as `source` is. They are asked in order for what
          those before do not give.
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
          "The `tree` pin: one hash for the whole cache entry. With `\"\"` the build fails and tells the right one."
          "sha256-8/vd8tNIuGWaztWgMDlmuw9Q+S4+PiPG9aTTHViyXjo=";

      files =
        nullable (types.attrsOf file)
          "The `files` pin, as `aimodels-gen lock` writes it: for each path in the repository the SRI hash, the size in bytes, and `lfs = true` where git holds a pointer in its place."
          {
            "config.json" = {
              hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
              size = 609;
            };
          };

      include =
        nullable (types.listOf types.str)
          "With `hash`: patterns of the paths to fetch. Null means all. `*` crosses directories."
          [
            "*.safetensors"
            "*.json"
          ];

      exclude = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "With `hash`: patterns of those paths to leave out.";
        example = [ "*.bin" ];
      };

      layout = mkOption {
        type = types.enum [
          "copy"
          "link"
        ];
        default = "link";
        description = ''
          With `files`: whether the entry links to the store paths of its files, or is a copy that refers to
          nothing else.
        '';
      };

      integration.huggingface = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = ''
            Whether the model is an entry of the cache. If not, it is the plain files, and linked nowhere: for
            programs that take a path (`modelPaths`).
          '';
        };
        org =
          nullable types.str "The organisation's name in the cache. Null means that of the source."
            "my-org";
        model =
          nullable types.str "The model's name in the cache. Null means that of the source."
            "fine-tuned-llama";
      };

      meta = mkOption {
        type = types.attrsOf types.raw;
        default = { };
        description = ''
          What `meta` is for any package. `license` may also be a name as the Hub has it, and has effect with
          `enforceLicenses` only.
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
        defaultText = literalMD "what `fetchModel pkgs` makes of the other options";
        description = "The model. What is given here takes the place of `source` and pin.";
      };

      # What the modules need of a model without instantiating it.
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
