let
  models = import ../../../nix/integration/models.nix "helper";
  types = import ../../../nix/types;

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

  # The messages: ../test_arguments.py.
  "models.arguments" = {
    withDefaults = {
      expr = models.arguments {
        main = "a";
        fields = {
          a = {
            type = types.bool;
            missing = "write a = true";
          };
          b = {
            type = types.bool;
            default = false;
          };
        };
      } { a = true; };
      expected = {
        a = true;
        b = false;
      };
    };
  };

  "models.withModels" = {
    models = {
      expr = models.withModels { } { models = [ entry ]; };
      expected.models = [ entry ];
    };
    areRequired = {
      expr = succeeds (models.withModels { } { });
      expected = false;
    };
  };

  "models.listed" = {
    withNames = {
      expr = map (models: map (each: each.name) models) [
        (models.listed [
          entry
          (entry // { pname = "a"; })
        ])
        (models.listed { b = entry; })
      ];
      expected = [
        [
          "number 1"
          "a"
        ]
        [ "b" ]
      ];
    };
  };

  "models.snapshotPath" = {
    ofAModel = {
      expr = models.snapshotPath (entry // { snapshotPath = "/a/snapshots/b"; });
      expected = "/a/snapshots/b";
    };
    ofOthers = {
      expr = map (other: succeeds (models.snapshotPath other)) [
        entry
        "/a"
        null
      ];
      expected = [
        false
        false
        false
      ];
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
