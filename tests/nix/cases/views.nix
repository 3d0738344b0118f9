# Views of models: what they are made from. ../test_views.py builds them, ../test_view_remedies.py has the messages.
{ pkgs, library }:
let
  views = import ../../../nix/views;
  makeView = import ../../../nix/views/view.nix;
  modelFiles = import ../../../nix/views/model-files.nix;
  inherit (library.integration) mkDirectory mkOllamaModels;

  checked = {
    name = "m";
    hash = null;
    org = "org";
    model = "model";
    files = {
      "a/one.gguf".hash = "";
      "two.bin".hash = "";
      outPath.hash = "";
    };
    bundle.files."config.json".hash = "";
    include = null;
    exclude = [ ];
    source.type = "huggingface";
  };
  tree = checked // {
    hash = "";
    files = null;
    bundle = null;
  };

  model =
    name: integration:
    library.fetchModel pkgs {
      inherit name integration;
      source.huggingface = {
        repo = "org/${name}";
        rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
      };
      files = {
        "m.gguf".hash = "";
        outPath.hash = "";
      };
    };
  all = {
    comfyui.checkpoints = "*";
    lmstudio = { };
    ollama.name = "m";
    triton.config = "x";
    directory.any.outPath = "outPath";
  };
  specOf = view: builtins.fromJSON (builtins.unsafeDiscardStringContext view.spec);
  pathsOf = view: map (link: link.path) (specOf view).links;
in
{
  "views.fields" = {
    forArgumentsAndOptions = {
      expr = builtins.mapAttrs (
        _name: field: field ? type && field ? description && field ? example && field ? default
      ) views.fields;
      expected = {
        comfyui = true;
        directory = true;
        lmstudio = true;
        ollama = true;
        triton = true;
      };
    };
  };

  "views.problem" = {
    ofThoseThatAreOn = {
      expr = map (views.problem checked) [
        { }
        {
          ollama = null;
          directory = { };
        }
        {
          ollama = {
            enable = false;
            name = "";
          };
        }
      ];
      expected = [
        null
        null
        null
      ];
    };
    isTheFirst = {
      expr = views.problem checked {
        ollama.name = "a b";
        comfyui = { };
      };
      expected = "`integration.comfyui` names no directory: write `integration.comfyui.checkpoints = [ \"*.safetensors\" ]`";
    };
  };

  "views.parts" = {
    ofThoseThatAreOn = {
      expr =
        builtins.mapAttrs (_kind: builtins.attrNames) (views.parts checked all)
        // {
          links = map (link: link.path) (views.parts checked all).lmstudio.links;
          inherit ((views.parts checked all).triton) texts;
        };
      expected = {
        comfyui = [ "links" ];
        directory = [ "any" ];
        links = [ "org/model/" ];
        lmstudio = [ "links" ];
        ollama = [ "ollama" ];
        texts."m/config.pbtxt" = "x";
        triton = [
          "links"
          "texts"
        ];
      };
    };
    hasNoneThatAreOff = {
      expr = views.parts checked {
        ollama = null;
        lmstudio.enable = false;
        directory = { };
      };
      expected = { };
    };
  };

  view = {
    theSpec = {
      expr =
        builtins.attrNames
          (specOf (
            makeView pkgs {
              name = "a view";
              models.outPath = "/nowhere";
              texts.outPath = "x";
            }
          )).texts;
      expected = [ "outPath" ];
    };
    goesThroughNoCopy = {
      expr = (specOf (model "m" all).integration.comfyui).models.m.files;
      expected = builtins.unsafeDiscardStringContext (model "m" all).linked.snapshotPath;
    };
  };

  modelFiles = {
    ofAFilesPin = {
      expr = modelFiles checked {
        outPath = "/store/outPath";
        "a-00001-of-00002.gguf" = "/store/a";
        "b-00001-of-2.gguf" = "/store/b";
      } "/snapshot";
      expected = {
        outPath = "/store/outPath";
        "a-00001-of-00002.gguf" = "/snapshot/a-00001-of-00002.gguf";
        "b-00001-of-2.gguf" = "/store/b";
      };
    };
    thoseThatATreeNames = {
      expr = map (given: modelFiles (tree // given) null "/t") [
        {
          include = [
            "*.gguf"
            "a/b"
          ];
        }
        {
          source = {
            type = "url";
            identity.files.a = "https://example.org/a";
          };
        }
        { }
      ];
      expected = [
        { "a/b" = "/t/a/b"; }
        { a = "/t/a"; }
        { }
      ];
    };
  };

  runPython = {
    theSpecIsAFile = {
      expr = { inherit (import ../../../nix/run-python.nix "/program") passAsFile dontFixup; };
      expected = {
        passAsFile = [ "spec" ];
        dontFixup = true;
      };
    };
  };

  "integration.mkDirectory" = {
    theLinksOfAllModels = {
      expr = map (directory: pathsOf (mkDirectory pkgs {
        models = map (name: model name all) [
          "b"
          "a"
        ];
        inherit directory;
      })) [
        "comfyui"
        "lmstudio"
        "triton"
        "any"
      ];
      expected = [
        [
          "checkpoints/"
          "checkpoints/"
        ]
        [
          "org/a/"
          "org/b/"
        ]
        [
          "a/1/"
          "b/1/"
        ]
        [
          "outPath"
          "outPath"
        ]
      ];
    };
    isTheSameFromAListAndASet = {
      expr =
        (mkDirectory pkgs {
          models = [
            (model "b" all)
            (model "a" all)
            (model "b" all)
          ];
          directory = "any";
        }).outPath;
      expected =
        (mkDirectory pkgs {
          models = {
            a = model "a" all;
            b = model "b" all;
          };
          directory = "any";
        }).outPath;
    };
    twoModelsOfOneName = {
      expr = builtins.attrNames (specOf (mkDirectory pkgs {
        models = [
          (model "a" { directory.x.y = "m.gguf"; })
          (model "a" { directory.x.z = "m.gguf"; })
        ];
        directory = "x";
      })).models;
      expected = [
        "a"
        "a (2)"
      ];
    };
  };

  "integration.mkOllamaModels" = {
    theModels = {
      expr =
        map
          (one: [
            one.model
            one.name
          ])
          (specOf (
            mkOllamaModels pkgs {
              x = model "a" { ollama.name = "a:1b"; };
              y = model "b" { ollama.name = "a:2b"; };
            }
          )).ollama;
      expected = [
        [
          "x"
          "a:1b"
        ]
        [
          "y"
          "a:2b"
        ]
      ];
    };
  };
}
