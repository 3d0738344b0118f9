# Cases of `fetchModel`: what `overrideAttrs` of models keeps and changes.
{
  commit,
  files,
  llama,
}:
let
  overridden = files.overrideAttrs (old: {
    meta = old.meta // {
      description = "Ours";
    };
    passthru.tests.mine = null;
    preferLocalBuild = false;
    MARK = "first";
  });
  twice = overridden.overrideAttrs (
    _final: prev: {
      MARK = "${prev.MARK} second";
    }
  );
  helpers = import ../../../nix/integration/models.nix "helper";
in
{
  # In both forms, and again.
  overrideAttrs = {
    expr = map (model: model.MARK) [
      overridden
      overridden.linked
      overridden.copied
      overridden.linked.linked.copied
      twice
      twice.linked
      (helpers.linked twice)
      (helpers.copied (helpers.byCacheName [ twice ]).models--meta-llama--Llama-2-7b-hf)
    ];
    expected = [
      "first"
      "first"
      "first"
      "first"
      "first second"
      "first second"
      "first second"
      "first second"
    ];
  };
  overrideAttrsKeepsWhatAModelHas = {
    expr = {
      inherit (twice) hfCachePath preferLocalBuild tests;
      inherit (twice.meta) description repo;
      inherit (twice.passthru.meta) org;
      path = twice.snapshotPath == "${twice}/snapshots/${commit}";
      linkedPath = twice.linked.snapshotPath == "${twice.linked}/snapshots/${commit}";
      copied = twice.copied.outPath == twice.outPath;
      another = twice.outPath != files.outPath && twice.linked.outPath != files.linked.outPath;
      blobs = builtins.attrNames twice.blobs;
    };
    expected = {
      hfCachePath = "models--meta-llama--Llama-2-7b-hf";
      preferLocalBuild = false;
      tests.mine = null;
      description = "Ours";
      repo = "meta-llama/Llama-2-7b-hf";
      org = "meta-llama";
      path = true;
      linkedPath = true;
      copied = true;
      another = true;
      blobs = [
        "a b/model.safetensors"
        "config.json"
      ];
    };
  };
  overrideAttrsOfATree = {
    expr =
      let
        tree = llama.overrideAttrs { MARK = "tree"; };
      in
      [
        tree.MARK
        tree.linked.MARK
        (tree.outPath == llama.outPath)
      ];
    expected = [
      "tree"
      "tree"
      true
    ];
  };
  # Of nixpkgs' `overrideAttrs`: the last form of the derivation.
  overrideAttrsFinalPackage = {
    expr =
      let
        model = files.overrideAttrs (
          final: prev: {
            passthru = prev.passthru // {
              path = final.finalPackage.linked.snapshotPath;
            };
          }
        );
      in
      model.path == model.linked.snapshotPath;
    expected = true;
  };
}
