let
  inherit (import ../../../nix/arguments.nix) check;
  collect =
    arguments:
    check (problem: {
      inherit problem;
    }) ({ name = "m"; } // arguments);
  source.huggingface.repo = "org/name";
  source'.s3.bucket = "bucket";
in
{
  "arguments.check" = {
    fillsInDefaults = {
      expr =
        removeAttrs
          (collect {
            inherit source;
            hash = "";
          })
          [
            "source"
            "sources"
          ];
      expected = {
        hash = "";
        bundle = null;
        files = null;
        layout = "copy";
        name = "m";
        include = null;
        exclude = [ ];
        integration = { };
        fallbacks = [ ];
        meta = { };
        enable = true;
        org = "org";
        model = "name";
        hfCachePath = "models--org--name";
      };
    };
    returnsWhatTheCallerMakesOfAProblem = {
      expr = collect { inherit source; };
      expected.problem = "needs a pin: set `hash = \"sha256-…\"` (with \"\", Nix reports the right one) or `files = { … }` (from `aimodels-gen lock`)";
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
      expected.problem = "`source` must have exactly one attribute (one of: huggingface, s3, url), but has 0";
    };
    aProblemOfAName = {
      expr = collect {
        inherit source;
        hash = "";
        integration.huggingface.nmae = "x";
      };
      expected.problem = "`integration.huggingface.nmae` is not known; use one of: enable, model, org";
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
    aBucketNeedsBothNames = {
      expr = collect {
        source = source';
        hash = "";
        integration.huggingface.model = "fine-tuned-llama";
      };
      expected.problem = "`source.s3` has no repository name: set `integration.huggingface = { org = \"…\"; model = \"…\"; }`, or `integration.huggingface.enable = false` for plain files";
    };
    aPinOfFilesOutsideOfGitNeedsNoCommit = {
      expr =
        (collect {
          source = source';
          files.a.hash = "";
          integration.huggingface.enable = false;
        }).source.rev;
      expected = null;
    };
    fallbacksComeAfterTheSource = {
      expr =
        map (source: source.type)
          (collect {
            inherit source;
            fallbacks = [
              source'
              { url.files.a = "https://example.org/a"; }
            ];
            hash = "";
          }).sources;
      expected = [
        "huggingface"
        "s3"
        "url"
      ];
    };
    aProblemOfAFallback = {
      expr =
        map
          (
            fallbacks:
            (collect {
              inherit source fallbacks;
              hash = "";
            }).problem
          )
          [
            [
              source'
              { s4 = { }; }
            ]
            { s3.bucket = "bucket"; }
            [ { s3.bukket = "bucket"; } ]
          ];
      expected = [
        "`fallbacks.s4` is not a kind of source; use one of: huggingface, s3, url"
        "`fallbacks` must be a list of sources, but is an attribute set: write `fallbacks = [ { … } ]`"
        "in `fallbacks`: `source.s3.bukket` is not known; use one of: bucket, endpoint, prefix, region, versions"
      ];
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
