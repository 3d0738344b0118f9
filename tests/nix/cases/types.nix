# Types of single values and of lists. Those of attribute sets: ./structs.nix.
let
  types = import ../../../nix/types;
  inherit (import ./types-said.nix) lib package said;

  function = x: x;
in
{
  "types.string" = {
    others = {
      expr = said types.string [
        "\n"
        5
        [ "a" ]
        [ "https://user:secret@example.org" ]
        org/name
        package
        function
        null
      ];
      expected = [
        null
        "`here` must be a string, but is an integer: write `here = \"5\"`"
        "`here` must be a string, but is a list: write `here = \"a\"`"
        "`here` must be a string, but is a list: write `here = \"…\"`"
        "`here` must be a string, but is a path: write it in quotes, `here = \"…\"`"
        "`here` must be a string, but is a derivation: write `here = \"…\"`"
        "`here` must be a string, but is a function: write `here = \"…\"`"
        "`here` must be a string, but is null: write `here = \"…\"`"
      ];
    };
    asAnOption = {
      expr = types.string.option lib;
      expected = "str";
    };
  };

  "types.strings" = {
    others = {
      expr = said types.strings [
        [ ]
        "*.json"
        [
          "a"
          1.5
        ]
      ];
      expected = [
        null
        "`here` must be a list of strings, but is a string: write `here = [ \"*.json\" ]`"
        "`here` must be a list of strings, but its element 2 is a float: write `here = [ \"…\" ]`"
      ];
    };
    asAnOption = {
      expr = types.strings.option lib;
      expected.listOf = "str";
    };
  };

  "types.stringOrStrings" = {
    others = {
      expr = said types.stringOrStrings [
        "a"
        [ "a" ]
        [ null ]
      ];
      expected = [
        null
        null
        "`here` must be a string, or a list of strings to try in order, but its element 1 is null: write `here = \"…\"`"
      ];
    };
    asAnOption = {
      expr = types.stringOrStrings.option lib;
      expected.either = [
        "str"
        { listOf = "str"; }
      ];
    };
  };

  "types.bool" = {
    others = {
      expr = said types.bool [
        false
        "no"
        1
        { }
      ];
      expected = [
        null
        "`here` must be true or false, but is a string: write `here = false`"
        "`here` must be true or false, but is an integer: write `here = true`"
        "`here` must be true or false, but is an attribute set: write `here = true`"
      ];
    };
    asAnOption = {
      expr = types.bool.option lib;
      expected = "bool";
    };
  };

  "types.size" = {
    others = {
      expr = said types.size [
        0
        9223372036854775807
        (-1)
        "5"
        5.0
      ];
      expected = [
        null
        null
        "`here` must be an integer of at least 0, but is -1: write `here = 609`"
        "`here` must be an integer of at least 0, but is a string: write `here = 5`"
        "`here` must be an integer of at least 0, but is a float: write `here = 609`"
      ];
    };
  };

  "types.enum" =
    let
      type = types.enum [
        "a"
        "b"
        "c"
      ];
    in
    {
      others = {
        expr = said type [
          "c"
          "d"
          true
        ];
        expected = [
          null
          "`here = \"d\"` is not \"a\", \"b\" or \"c\""
          "`here` must be \"a\", \"b\" or \"c\", but is a boolean: write `here = \"a\"`"
        ];
      };
      asAnOption = {
        expr = type.option lib;
        expected.enum = [
          "a"
          "b"
          "c"
        ];
      };
    };

  "types.nullOr" = {
    others = {
      expr = said (types.nullOr types.bool) [
        null
        true
        [ ]
      ];
      expected = [
        null
        null
        "`here` must be true or false, but is a list: write `here = true`"
      ];
    };
    asAnOption = {
      expr = (types.nullOr types.bool).option lib;
      expected.nullOr = "bool";
    };
  };

  "types.any" = {
    everything = {
      expr = said types.any [
        null
        package
      ];
      expected = [
        null
        null
      ];
    };
  };

  "types.listOf" = {
    others = {
      expr =
        said
          (types.listOf {
            description = "a list of sizes";
            of = types.size;
            line = where: "${where} = [ 1 ]";
          })
          [
            [ 1 ]
            1
            [ [ ] ]
          ];
      expected = [
        null
        "`here` must be a list of sizes, but is an integer: write `here = [ 1 ]`"
        "`here` must be a list of sizes, but its element 1 is a list: write `here = [ 1 ]`"
      ];
    };
  };

  "types.oneOrMore" = {
    others = {
      expr =
        said
          (types.oneOrMore {
            description = "a size or more";
            of = types.size;
            line = where: "${where} = 1";
          })
          [
            1
            [ 1 ]
            "1"
          ];
      expected = [
        null
        null
        "`here` must be a size or more, but is a string: write `here = 1`"
      ];
    };
  };

  "types.patterns" = {
    others = {
      expr = said types.patterns [
        "*"
        [
          "*.a"
          "*.b"
        ]
        [ ]
        [ 1 ]
        null
        { }
      ];
      expected = [
        null
        null
        null
        "`here` must be a pattern of files, or a list of patterns, but its element 1 is an integer: write `here = [ \"*.safetensors\" ]`"
        "`here` must be a pattern of files, or a list of patterns, but is null: write `here = [ \"*.safetensors\" ]`"
        "`here` must be a pattern of files, or a list of patterns, but is an attribute set: write `here = [ \"*.safetensors\" ]`"
      ];
    };
    asAnOption = {
      expr = types.patterns.option lib;
      expected.either = [
        "str"
        { listOf = "str"; }
      ];
    };
  };

  "types.renamed" = {
    others = {
      expr = said types.renamed [
        {
          "a/outPath" = "b";
          "c/" = [ "*.d" ];
        }
        "a"
        { a = 1; }
      ];
      expected = [
        null
        "`here` must be an attribute set of files by their paths, but is a string: write `here.\"PATH\" = \"model.safetensors\"`"
        "`here.\"a\"` must be a pattern of files, or a list of patterns, but is an integer: write `here.\"a\" = [ \"*.safetensors\" ]`"
      ];
    };
  };

  "types.selection" = {
    others = {
      expr = said types.selection [
        "*"
        [ "*" ]
        { a = "b"; }
        true
        { a = true; }
      ];
      expected = [
        null
        null
        null
        "`here` must be a pattern of files, or a list of patterns, but is a boolean: write `here = [ \"*.safetensors\" ]`"
        "`here.\"a\"` must be a pattern of files, or a list of patterns, but is a boolean: write `here.\"a\" = [ \"*.safetensors\" ]`"
      ];
    };
    asAnOption = {
      expr = types.selection.option lib;
      expected.either = [
        (types.patterns.option lib)
        { attrsOf = types.patterns.option lib; }
      ];
    };
  };
}
