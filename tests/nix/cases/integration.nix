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

  contains = part: string: builtins.length (builtins.split part string) > 1;
in
{
  "integration.mkCacheName" = {
    ofAModel = {
      expr = integration.mkCacheName {
        org = "meta-llama";
        model = "Llama-2-7b-hf";
      };
      expected = "models--meta-llama--Llama-2-7b-hf";
    };
    withoutAnOrganisation = {
      expr = integration.mkCacheName { model = "gpt2"; };
      expected = "models--gpt2";
    };
    ofADataset = {
      expr = integration.mkCacheName {
        org = "org";
        model = "data";
        repoType = "dataset";
      };
      expected = "datasets--org--data";
    };
  };

  "integration.mkLinkScript" = {
    # What it does is shown by running it: ../test_build.py.
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
