# Evaluates many models as models.nix does, each with the same number of files; `counts` in test_budget.py
# measures it.
{
  # "files", "bundle" or "tree".
  pin,
  models,
  files,
  # Whether `fetchModel pkgs` is applied once, and not for each model.
  once ? false,
}:
let
  pkgs = import ./pkgs { system = "x86_64-linux"; };
  inherit (import ../../nix) fetchModel;
  fetchOnce = fetchModel pkgs;
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

  pins = {
    files.files = rows;
    bundle.bundle = {
      inherit hash;
      files = rows;
    };
    tree = { inherit hash; };
  };

  rows = builtins.listToAttrs (
    builtins.genList (number: {
      name = "model-${toString number}.json";
      value = {
        inherit hash;
        size = 609;
      };
    }) files
  );

  model =
    number:
    (if once then fetchOnce else fetchModel pkgs) (
      {
        name = "model-${toString number}";
        source.huggingface = {
          repo = "org/model-${toString number}";
          rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
        };
        meta.license = "mit";
      }
      // pins.${pin}
    );
in
builtins.foldl' (count: number: builtins.seq (model number).drvPath (count + 1)) 0 (
  builtins.genList (number: number) models
)
