let
  types = import ../../../nix/types;
  inherit (import ./types-said.nix) lib package said;

  point = types.struct {
    main = "x";
    fields = {
      x = {
        type = types.size;
        missing = "write the first number";
      };
      y = {
        type = types.nullOr types.size;
        default = null;
      };
    };
  };
in
{
  "types.byPath" = {
    others = {
      expr = said (types.byPath types.string) [
        {
          outPath = "a";
          __toString = "b";
          type = "c";
        }
        [ ]
        package
        { "a \"b\"\n" = 1; }
      ];
      expected = [
        null
        "`here` must be an attribute set of files by their paths, but is a list: write `here.\"PATH\" = \"…\"`"
        "`here` must be an attribute set of files by their paths, but is a derivation: write `here.\"PATH\" = \"…\"`"
        "`here.\"a \\\"b\\\"\\n\"` must be a string, but is an integer: write `here.\"a \\\"b\\\"\\n\" = \"1\"`"
      ];
    };
    asAnOption = {
      expr = (types.byPath types.string).option lib;
      expected.attrsOf = "str";
    };
  };

  "types.attrsOf" = {
    others = {
      expr =
        said
          (types.attrsOf {
            description = "an attribute set of sizes";
            name = "NAME";
            of = types.size;
          })
          [
            { a = 1; }
            1
            { "a b" = "1"; }
          ];
      expected = [
        null
        "`here` must be an attribute set of sizes, but is an integer: write `here.NAME = 609`"
        "`here.\"a b\"` must be an integer of at least 0, but is a string: write `here.\"a b\" = 1`"
      ];
    };
    asAnOption = {
      expr =
        (types.attrsOf {
          description = "strings";
          name = "NAME";
          of = types.string;
        }).option
          lib;
      expected.attrsOf = "str";
    };
  };

  "types.assign" = {
    whatIsShown = {
      expr = map (types.assign "here") [
        "a"
        "https://user:secret@example.org"
        5
        true
        [
          "a"
          "b"
        ]
        [ 1 ]
        null
        package
      ];
      expected = [
        "`here = \"a\"`"
        "`here = \"…\"`"
        "`here = 5`"
        "`here = true`"
        "`here = [ \"a\" \"b\" ]`"
        "`here = …`"
        "`here = …`"
        "`here = …`"
      ];
    };
  };

  "types.use" = {
    aPlace = {
      expr = [
        (types.use "x" "here" 5)
        (types.use "x" "" 5)
      ];
      expected = [
        "`here.x = 5`"
        "`x = 5`"
      ];
    };
  };

  "types.struct" = {
    otherNames = {
      expr =
        said
          (types.struct {
            main = "repoType";
            renamed.kind = types.use "repoType";
            read = where: value: if value == "both" then "${where} = { }" else null;
            fields.repoType = {
              type = types.string;
              default = "";
            };
          })
          [
            { repo_type = "a"; }
            { Kind = "a:b"; }
            { other = 1; }
            "both"
            "one"
          ];
      expected = [
        "`here.repo_type` is not known: write `here.repoType = \"a\"`"
        "`here.Kind` is not known: write `here.repoType = \"…\"`"
        "`here.other` is not known; use one of: repoType"
        "`here` must be an attribute set, but is a string: write `here = { }`"
        "`here` must be an attribute set, but is a string: write `here.repoType = \"one\"`"
      ];
    };
    others = {
      expr = said point [
        { x = 1; }
        {
          x = 1;
          y = null;
        }
        {
          x = 1;
          z = 2;
        }
        { y = 1; }
        { x = null; }
        {
          x = 1;
          y = false;
        }
        1
        "1"
        package
      ];
      expected = [
        null
        null
        "`here.z` is not known; use one of: x, y"
        "`here.x` is missing: write the first number"
        "`here.x` must be an integer of at least 0, but is null: write `here.x = 609`"
        "`here.y` must be an integer of at least 0, but is a boolean: write `here.y = 609`"
        "`here` must be an attribute set, but is an integer: write `here.x = 1`"
        "`here` must be an attribute set, but is a string: write `here.x = 1`"
        "`here` must be an attribute set, but is a derivation: write `here.x = 609`"
      ];
    };
    whatCanBeLeftOut = {
      expr =
        said
          (types.struct {
            main = "a";
            fields.a = {
              type = types.bool;
              default = true;
            };
          })
          [
            { a = null; }
            false
          ];
      expected = [
        "`here.a` must be true or false, but is null: write `here.a = true`, or leave it out"
        "`here` must be an attribute set, but is a boolean: write `here.a = false`"
      ];
    };
    theArgumentsOfAFunction = {
      expr = map (point.explain "") [
        [ ]
        { "x y" = 1; }
      ];
      expected = [
        "the arguments must be an attribute set, but are a list: write `{ x = 609; }`"
        "`\"x y\"` is not known; use one of: x, y"
      ];
    };
    defaults = {
      expr = point.defaults;
      expected.y = null;
    };
    options = {
      expr =
        (types.struct {
          main = "x";
          fields = {
            x = {
              type = types.string;
              missing = "write x";
              description = "The first.";
            };
            y = {
              type = types.nullOr types.string;
              default = null;
              description = "The second.";
              example = "2";
            };
          };
        }).option
          lib;
      expected.submodule = {
        x = {
          type = "str";
          description = "The first.";
        };
        y = {
          type.nullOr = "str";
          default = null;
          description = "The second.";
          example = "2";
        };
      };
    };
  };

  "types.shallow" = {
    others = {
      expr = said (types.shallow point) [
        { z = null; }
        [ ]
      ];
      expected = [
        null
        "`here` must be an attribute set, but is a list: write `here.x = 609`"
      ];
    };
  };

  "types.open" = {
    others = {
      expr = said (types.open point) [
        {
          x = 1;
          z = throw "z";
        }
        {
          x = "1";
          z = null;
        }
        package
      ];
      expected = [
        null
        "`here.x` must be an integer of at least 0, but is a string: write `here.x = 1`"
        "`here` must be an attribute set, but is a derivation: write `here.x = 609`"
      ];
    };
  };

  "types.check" = {
    goesOnWithDefaults = {
      expr = types.check throw "here" point { x = 1; } (complete: complete.x + 1);
      expected = 2;
    };
    orFails = {
      expr = types.check (message: { inherit message; }) "here" point { } (_complete: 1);
      expected.message = "`here.x` is missing: write the first number";
    };
  };
}
