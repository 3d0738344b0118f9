let
  normalise = (import ../../../nix/sources).normalise throw;
  commit = "01c7f73d771dfac7d292323805ebc428287df4f9";
in
{
  "sources.normalise" = {
    huggingfaceDefaults = {
      expr = normalise { huggingface.repo = "meta-llama/Llama-2-7b-hf"; };
      expected = {
        type = "huggingface";
        org = "meta-llama";
        model = "Llama-2-7b-hf";
        repo = "meta-llama/Llama-2-7b-hf";
        repoType = "model";
        rev = null;
        identity = {
          type = "huggingface";
          repo = "meta-llama/Llama-2-7b-hf";
          repoType = "model";
          rev = null;
          ref = "main";
        };
        spec.huggingface = {
          repo = "meta-llama/Llama-2-7b-hf";
          repoType = "model";
          rev = null;
          ref = "main";
          endpoint = null;
        };
      };
    };

    huggingfaceWithEverything = {
      expr =
        (normalise {
          huggingface = {
            repo = "org/data";
            rev = commit;
            ref = "v1.0";
            repoType = "dataset";
            endpoint = "https://mirror.example";
          };
        }).spec.huggingface;
      expected = {
        repo = "org/data";
        rev = commit;
        ref = "v1.0";
        repoType = "dataset";
        endpoint = "https://mirror.example";
      };
    };

    repositoryWithoutAnOrganisation = {
      expr = { inherit (normalise { huggingface.repo = "gpt2"; }) org model; };
      expected = {
        org = null;
        model = "gpt2";
      };
    };

    theEndpointIsNoPartOfTheIdentity = {
      expr =
        (normalise {
          huggingface = {
            repo = "o/m";
            endpoint = "https://mirror.example";
          };
        }).identity == (normalise { huggingface.repo = "o/m"; }).identity;
      expected = true;
    };
  };
}
