{ pkgs, library }:
let
  inherit (library) integration;

  model = library.fetchModel pkgs {
    name = "llama-2-7b";
    source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
    hash = "";
  };

  pinned = library.fetchModel pkgs {
    name = "pinned";
    source.huggingface = {
      repo = "org/model";
      rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
    };
    hash = "";
  };

  # Several forms of one model: `copied` and `linked` differ.
  whisper = library.fetchModel pkgs {
    name = "whisper";
    source.huggingface = {
      repo = "openai/whisper-tiny";
      rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
    };
    files."config.json".hash = "";
  };

  both = {
    first = model;
    second = whisper;
  };

  contains =
    part: string:
    builtins.length (builtins.split (builtins.unsafeDiscardStringContext part) string) > 1;
in
{
  "integration.mkCacheName" = {
    isThatOfTheLibrary = {
      expr = integration.mkCacheName {
        org = "meta-llama";
        model = "Llama-2-7b-hf";
      };
      expected = "models--meta-llama--Llama-2-7b-hf";
    };
  };

  "integration.mkLinkScript" = {
    # ../test_build.py runs it.
    leavesVariablesToTheShell = {
      expr = contains "hub=\"[$]HOME/.cache/huggingface/hub\"" (
        integration.mkLinkScript {
          inherit model;
          cacheDir = "$HOME/.cache/huggingface/hub";
        }
      );
      expected = true;
    };
  };

  "integration.mkShellHook" = {
    # ../test_shells.py runs it.
    goesOnlineWhereThatIsWanted = {
      expr = contains "export" (
        integration.mkShellHook {
          models = both;
          offline = false;
        }
      );
      expected = false;
    };
    linksWithoutCopies = {
      expr =
        let
          hook = integration.mkShellHook { models = [ whisper ]; };
        in
        contains "'${whisper.linked}'" hook && !(contains "'${whisper.copied}'" hook);
      expected = true;
    };
    onlyExportsWithoutModels = {
      expr = integration.mkShellHook { models = [ ]; };
      expected = "export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1\n";
    };
    takesAModelTwice = {
      expr = integration.mkShellHook {
        models = [
          model
          model
        ];
      };
      expected = integration.mkShellHook { models = { inherit model; }; };
    };
  };

  "integration.mkCache" = {
    # ../test_integration.py builds it.
    isADerivation = {
      expr = (integration.mkCache pkgs both).type;
      expected = "derivation";
    };
    isTheSameFromAListAndASet = {
      expr =
        (integration.mkCache pkgs [
          whisper
          model
        ]).outPath;
      expected = (integration.mkCache pkgs both).outPath;
    };
  };

  "integration.mkImage" = {
    # ../test_images.py builds it.
    isTheSameFromAListAndASet = {
      expr =
        (integration.mkImage pkgs {
          models = [
            whisper
            model
          ];
        }).outPath;
      expected = (integration.mkImage pkgs { models = both; }).outPath;
    };
    isNamedAfterASingleModel = {
      expr = map (models: (integration.mkImage pkgs { inherit models; }).imageName) [
        [ model ]
        { "My Model.v2" = model; }
        { "…" = model; }
        both
        [ ]
      ];
      expected = [
        "llama-2-7b"
        "my-model.v2"
        "models"
        "models"
        "models"
      ];
    };
    sharesLayersBeyondTheMaximum = {
      expr =
        let
          # The last two are one path of the store, and the first is small.
          many = library.fetchModel pkgs {
            name = "many";
            source.huggingface = {
              repo = "org/many";
              rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
            };
            files = builtins.listToAttrs (
              builtins.genList (number: {
                name = "file-${toString number}";
                value.hash = "";
              }) 20
              ++ map (name: {
                inherit name;
                value.hash = "";
              }) [
                "x/same"
                "y/same"
              ]
            )
            // {
              small = {
                hash = "";
                size = 1048575;
              };
            };
          };
          layers =
            maxLayers:
            let
              image = integration.mkImage pkgs {
                models = [ many ];
                inherit maxLayers;
              };
            in
            builtins.length (builtins.fromJSON (builtins.unsafeDiscardStringContext image.spec)).layers;
        in
        map layers [
          4
          10
          24
          100
        ];
      expected = [
        1
        7
        21
        21
      ];
    };
    hasAProgramWithoutTheRegistryInItsName = {
      expr =
        let
          image = integration.mkImage pkgs {
            models = both;
            name = "registry.example.org:5000/team/whisper_1.5--tiny";
            tag = "v1.0_rc-1";
          };
        in
        [
          image.meta.mainProgram
          image.imageTag
        ];
      expected = [
        "whisper_1.5--tiny"
        "v1.0_rc-1"
      ];
    };
  };

  "integration.mkContainerMounts" = {
    takesModelsWithoutCopies = {
      expr = integration.mkContainerMounts { models = both; };
      expected = {
        "/var/cache/huggingface/hub/models--meta-llama--Llama-2-7b-hf" = {
          hostPath = "${model}";
          isReadOnly = true;
        };
        "/var/cache/huggingface/hub/models--openai--whisper-tiny" = {
          hostPath = "${whisper.linked}";
          isReadOnly = true;
        };
      };
    };
    inAnotherDirectory = {
      expr = builtins.attrNames (
        integration.mkContainerMounts {
          models = [ model ];
          cacheDir = "/srv/hf";
        }
      );
      expected = [ "/srv/hf/hub/models--meta-llama--Llama-2-7b-hf" ];
    };
  };

  "integration.mkContainerVolumes" = {
    takesModelsThatAreWhole = {
      expr = integration.mkContainerVolumes { models = both; };
      expected = [
        "${model}:/models/hub/models--meta-llama--Llama-2-7b-hf:ro"
        "${whisper.copied}:/models/hub/models--openai--whisper-tiny:ro"
      ];
    };
    inAnotherDirectory = {
      expr = integration.mkContainerVolumes {
        models = [ model ];
        home = "/srv/hf";
      };
      expected = [ "${model}:/srv/hf/hub/models--meta-llama--Llama-2-7b-hf:ro" ];
    };
  };

  "integration.getModelPath" = {
    ofAPinnedModel = {
      expr = integration.getModelPath pinned;
      expected = "${pinned}/snapshots/01c7f73d771dfac7d292323805ebc428287df4f9";
    };
    withoutARevIsAPathToo = {
      expr = contains "-llama-2-7b-snapshot$" (integration.getModelPath model);
      expected = true;
    };
  };
}
