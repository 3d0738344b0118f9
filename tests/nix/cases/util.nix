{ pkgs }:
let
  util = import ../../../nix/util.nix;

  sri = util.sri throw;
  repeat = count: string: builtins.concatStringsSep "" (builtins.genList (_number: string) count);

  plain = [
    null
    1
    "é\"\n"
    [ ]
    { }
    {
      b = [ true ];
      "a b".c = { };
    }
  ];

  files = {
    a = 1;
    b = 2;
  };
  good = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
in
{
  "util.firstOf" = {
    ofSome = {
      expr = util.firstOf [
        null
        "a"
        "b"
      ];
      expected = "a";
    };
    ofNone = {
      expr = util.firstOf [ null ];
      expected = null;
    };
  };

  "util.match" = {
    asTheBuiltin = {
      expr = map (util.match "(a+)b?") [
        "aab"
        "ba"
      ];
      expected = [
        [ "aa" ]
        null
      ];
    };
    # Nix would crash on a string that is a hundred times as long.
    nothingThatIsVeryLong = {
      expr = map (length: util.match "a*" (repeat length "a") == null) [
        4096
        4097
        1000000
      ];
      expected = [
        false
        true
        true
      ];
    };
  };

  "util.letters" = {
    eachOnItsOwn = {
      expr = util.letters "a-B";
      expected = [
        "a"
        "-"
        "B"
      ];
    };
  };
  "util.lower" = {
    ascii = {
      expr = util.lower "AbZÄ1";
      expected = "abzÄ1";
    };
  };
  "util.plainName" = {
    spellings = {
      expr = map util.plainName [
        "repoType"
        "repo_type"
        "Repo-Type"
        "repo.type"
      ];
      expected = [
        "repotype"
        "repotype"
        "repotype"
        "repotype"
      ];
    };
  };

  "util.quote" = {
    withoutUrls = {
      expr = map util.quote [
        "org/name"
        "a@b"
        "https://me:secret@example.org/org/name"
        "me:secret@example.org"
        "a\nhttps://me:secret@example.org"
      ];
      expected =
        let
          hidden = "(a URL, which is not shown because it may contain a password)";
        in
        [
          "\"org/name\""
          "\"a@b\""
          hidden
          hidden
          hidden
        ];
    };
    onOneLine = {
      expr = util.quote "a \"b\" \\ \${c}\n\r\t'é";
      expected = ''"a \"b\" \\ \''${c}\n\r\t'é"'';
    };
    cutOff = {
      expr = util.quote (repeat 201 "a");
      expected = "\"${repeat 200 "a"}…\"";
    };
  };

  "util.toJSON" = {
    isThatOfTheBuiltin = {
      expr = map util.toJSON plain;
      expected = map builtins.toJSON plain;
    };
    attributesAreNamesWhateverTheyAre = {
      expr = util.toJSON [
        {
          outPath = "/x";
          "é\"" = null;
        }
        { a.__toString = [ { } ]; }
      ];
      expected = ''[{"outPath":"/x","é\"":null},{"a":{"__toString":[{}]}}]'';
    };
  };

  "util.toJSONLike" = {
    isDecidedByTheNames = {
      expr =
        map
          (
            names:
            util.toJSONLike names {
              outPath = 1;
              a = 2;
            }
          )
          [
            { outPath = null; }
            [ { a.__toString = null; } ]
            { a = null; }
          ];
      expected = [
        ''{"a":2,"outPath":1}''
        ''{"a":2,"outPath":1}''
        "1"
      ];
    };
  };

  "util.selectAttrs" = {
    everything = {
      expr = util.selectAttrs null files;
      expected = files;
    };
    whatThereIsOfWhatIsWanted = {
      expr = util.selectAttrs [ "b" "c" ] files;
      expected.b = 2;
    };
    nothing = {
      expr = util.selectAttrs [ ] files;
      expected = { };
    };
  };

  "util.sri" = {
    isKept = {
      expr = sri "hash" good;
      expected = good;
    };
    emptyIsFake = {
      expr = sri "hash" "";
      expected = pkgs.lib.fakeHash;
    };
    othersAreRefused = {
      expr = map (hash: (builtins.tryEval (sri "hash" hash)).success) [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        "sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        "${good} "
        "sha256-"
      ];
      expected = [
        false
        false
        false
        false
      ];
    };
  };
}
