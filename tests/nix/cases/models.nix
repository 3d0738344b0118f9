let
  models = import ../../../nix/integration/models.nix "helper";

  entry = {
    hfCachePath = "models--org--a";
    outPath = "/copy";
    linked = "/linked";
    copied = "/copied";
  };
  other = {
    hfCachePath = "models--org--b";
    outPath = "/b";
  };
  entries = {
    models--org--a = entry;
    models--org--b = other;
  };

  succeeds = value: (builtins.tryEval (builtins.deepSeq value null)).success;
in
{
  "models.fail" = {
    throws = {
      expr = succeeds (models.fail "message");
      expected = false;
    };
  };

  # The messages: ../test_integration.py.
  "models.byCacheName" = {
    ofAList = {
      expr = models.byCacheName [
        entry
        other
        entry
      ];
      expected = entries;
    };
    ofAnAttributeSet = {
      expr = models.byCacheName {
        x = other;
        y = entry;
      };
      expected = entries;
    };
    twoOfOneName = {
      expr = succeeds (
        models.byCacheName [
          entry
          (entry // { outPath = "/other"; })
        ]
      );
      expected = false;
    };
  };

  "models.linked" = {
    theFormIfThereIsOne = {
      expr = map models.linked [
        entry
        other
      ];
      expected = [
        "/linked"
        other
      ];
    };
  };

  "models.copied" = {
    theFormIfThereIsOne = {
      expr = map models.copied [
        entry
        other
      ];
      expected = [
        "/copied"
        other
      ];
    };
  };
}
