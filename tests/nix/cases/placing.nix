# Where views put files of a model, and what Ollama calls it.
let
  placing = import ../../../nix/views/placing.nix;
  ollamaNames = import ../../../nix/views/ollama-names.nix;

  checked = {
    hash = null;
    files = {
      "a/one.gguf".hash = "";
      "two.bin".hash = "";
      outPath.hash = "";
    };
    bundle.files."config.json".hash = "";
  };
  tree = {
    hash = "";
    files = null;
    bundle = null;
  };
  isNull = map (value: value == null);
in
{
  "placing.isLabel" = {
    ofNames = {
      expr = builtins.filter placing.isLabel [
        "bert-1.b"
        "_a"
        ""
        ".a"
        "-a"
        "a/b"
        "a b"
      ];
      expected = [
        "bert-1.b"
        "_a"
      ];
    };
  };

  "placing.isName" = {
    orAPattern = {
      expr = map placing.isName [
        "a/b.gguf"
        "*.gguf"
        "a?"
        "[ab]"
        "dir/"
        ""
      ];
      expected = [
        true
        false
        false
        false
        false
        false
      ];
    };
  };

  "placing.pathProblem" = {
    ofPaths = {
      expr = isNull (
        map (placing.pathProblem "here") [
          "a"
          "a/b/"
          "...a/é ü/-"
          ".."
          "/a"
          "a//b"
          "a/./b"
          "/"
          ""
          "a\tb"
        ]
      );
      expected = [
        true
        true
        true
        false
        false
        false
        false
        false
        false
        false
      ];
    };
  };

  "placing.fileProblem" = {
    ofAFilesPin = {
      expr = isNull (
        map (placing.fileProblem checked "here") [
          "a/one.gguf"
          "config.json"
          "outPath"
          "one.gguf"
        ]
      );
      expected = [
        true
        true
        true
        false
      ];
    };
    namesThoseThatAreNear = {
      expr = map (placing.fileProblem checked "here") [
        "ONE.gguf"
        "three.bin"
        "three"
      ];
      expected = [
        "`here`: the model has no file \"ONE.gguf\"; write one of: \"a/one.gguf\""
        "`here`: the model has no file \"three.bin\"; write one of: \"two.bin\""
        "`here`: the model has no file \"three\"; write one of: \"a/one.gguf\", \"config.json\", \"outPath\", \"two.bin\""
      ];
    };
    ofATreeNothingIsKnown = {
      expr = placing.fileProblem tree "here" "anything";
      expected = null;
    };
  };

  "placing.renamedProblem" = {
    aPatternIsLeftToTheBuild = {
      expr = placing.renamedProblem checked "here" {
        "dir/" = [
          "*.nothing"
          "two.bin"
        ];
        outPath = "outPath";
      };
      expected = null;
    };
    aNameIsNot = {
      expr = placing.renamedProblem checked "here" { "dir/" = [ "three.bin" ]; } != null;
      expected = true;
    };
  };

  "placing.renamedLinks" = {
    oneForEachPattern = {
      expr = placing.renamedLinks "here" "in/" {
        "dir/" = [
          "a"
          "b"
        ];
      };
      expected =
        map
          (file: {
            path = "in/dir/";
            inherit file;
            option = "here.\"dir/\"";
            line = "here.\"dir/%NEW%\" = \"%FILE%\"";
          })
          [
            "a"
            "b"
          ];
    };
  };

  "placing.modelLinks" = {
    aDirectoryGetsOneOfItsOwn = {
      expr = placing.modelLinks "here" "in/" [
        "*.gguf"
        "onnx/"
      ];
      expected =
        map
          (link: {
            path = "in/";
            option = "here.files";
            line = "here.model = \"%MODEL%\"";
            inherit (link) file own;
          })
          [
            {
              file = "*.gguf";
              own = "here.files = { \"%NEW%\" = \"%FILE%\"; }";
            }
            {
              file = "onnx/";
              own = "here.files = { \"%MODEL%/\" = \"onnx/\"; }";
            }
          ];
    };
  };

  "placing.selectionProblem" = {
    ofPatternsAndSets = {
      expr = isNull (
        map (placing.selectionProblem checked "here" "dir/") [
          "*"
          [ ]
          { a = "two.bin"; }
          { a = "three.bin"; }
          { "../a" = "two.bin"; }
          { "/a" = "two.bin"; }
          { "" = "two.bin"; }
          "three.bin"
        ]
      );
      expected = [
        true
        false
        true
        false
        false
        false
        false
        false
      ];
    };
    ofTheDirectory = {
      expr = isNull [ (placing.selectionProblem checked "here" "../dir/" "*") ];
      expected = [ false ];
    };
  };

  "placing.selectionLinks" = {
    keepNamesOrNot = {
      expr = map (map (link: [
        link.path
        link.file
      ])) (
        map (placing.selectionLinks "here" "dir/") [
          "*"
          { "a/b" = "c"; }
        ]
      );
      expected = [
        [
          [
            "dir/"
            "*"
          ]
        ]
        [
          [
            "dir/a/b"
            "c"
          ]
        ]
      ];
    };
  };

  "ollamaNames.isName" = {
    accepted = {
      expr = builtins.filter ollamaNames.isName [
        "llama3.2:1b"
        "me/llama"
        "localhost:11434/me/llama:latest"
        "a/b/c/d"
        "m:"
        "n.s/m"
      ];
      expected = [
        "llama3.2:1b"
        "me/llama"
        "localhost:11434/me/llama:latest"
      ];
    };
  };

  "ollamaNames.complete" = {
    addsWhatIsLeftOut = {
      expr = map ollamaNames.complete [
        "Llama3.2"
        "me/m:1B"
        "localhost:11434/me/m"
      ];
      expected = [
        "registry.ollama.ai/library/llama3.2:latest"
        "registry.ollama.ai/me/m:1b"
        "localhost:11434/me/m:latest"
      ];
    };
  };
}
