let
  inherit (import ../../../nix/arguments.nix) check;
  collect = check (problem: {
    inherit problem;
  });
  source.huggingface.repo = "org/name";
  source'.s3.bucket = "bucket";
in
{
  "arguments.check" = {
    fillsInDefaults = {
      expr = removeAttrs (collect {
        inherit source;
        hash = "";
      }) [ "source" ];
      expected = {
        hash = "";
        files = null;
        layout = "copy";
        include = null;
        exclude = [ ];
        integration = { };
        enable = true;
        org = "org";
        model = "name";
        hfCachePath = "models--org--name";
      };
    };
    returnsWhatTheCallerMakesOfAProblem = {
      expr = collect { inherit source; };
      expected.problem = "needs a pin: `hash = \"sha256-…\"` (write \"\" to be told it) or `files = { … }` (from `aimodels-gen lock`)";
    };
    namesWhileTheHashIsToBeFilledIn = {
      expr =
        (collect {
          inherit source;
          hash = "sha256-...";
        }).hfCachePath;
      expected = "models--org--name";
    };
    aProblemOfTheSource = {
      expr = collect {
        source = { };
        hash = "";
      };
      expected.problem = "`source` must have exactly one attribute (one of: huggingface, s3), but has 0";
    };
    aProblemOfAName = {
      expr = collect {
        inherit source;
        hash = "";
        integration.huggingface.nmae = "x";
      };
      expected.problem = "`integration.huggingface.nmae` is not known; there is: enable, model, org";
    };
    namesForABucketWithout = {
      expr =
        (collect {
          source = source';
          hash = "";
          integration.huggingface = {
            org = "my-org";
            model = "fine-tuned-llama";
          };
        }).hfCachePath;
      expected = "models--my-org--fine-tuned-llama";
    };
    plainFilesNeedNoNames = {
      expr =
        (collect {
          source = source';
          hash = "";
          integration.huggingface.enable = false;
        }).hfCachePath;
      expected = null;
    };
  };
}
