let
  normalise = (import ../../../nix/sources).normalise throw "source";
  commit = "01c7f73d771dfac7d292323805ebc428287df4f9";

  facts = source: source // { spec = source.spec null; };

  withEndpoint =
    endpoint:
    normalise {
      huggingface = {
        inherit endpoint;
        repo = "o/m";
      };
    };
  endpoints = [
    null
    "http://[::1]:8090/hub/"
    [ "https://mirror.example" ]
    [
      "https://mirror.example/"
      "https://huggingface.co"
    ]
  ];
in
{
  "sources.normalise" = {
    huggingfaceDefaults = {
      expr = facts (normalise {
        huggingface.repo = "meta-llama/Llama-2-7b-hf";
      });
      expected = {
        hasCommits = true;
        isByPath = false;
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
        (
          (normalise {
            huggingface = {
              repo = "org/data";
              rev = commit;
              ref = "v1.0";
              repoType = "dataset";
              endpoint = "https://mirror.example";
            };
          }).spec
          null
        ).huggingface;
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

    endpointsGoToTheFetcherAsGiven = {
      expr = map (endpoint: ((withEndpoint endpoint).spec null).huggingface.endpoint) endpoints;
      expected = endpoints;
    };

    theEndpointIsNoPartOfTheIdentity = {
      expr = map (endpoint: (withEndpoint endpoint).identity) endpoints;
      expected = map (_: (normalise { huggingface.repo = "o/m"; }).identity) endpoints;
    };
    s3 = {
      expr = facts (normalise {
        s3 = {
          bucket = "my-models";
          prefix = "fine-tuned/llama/";
          region = "eu-central-1";
        };
      });
      expected = {
        type = "s3";
        org = null;
        model = null;
        repo = "s3://my-models/fine-tuned/llama/";
        rev = null;
        repoType = "model";
        hasCommits = false;
        isByPath = false;
        identity = {
          type = "s3";
          bucket = "my-models";
          prefix = "fine-tuned/llama/";
          versions = { };
        };
        spec.s3 = {
          bucket = "my-models";
          prefix = "fine-tuned/llama/";
          region = "eu-central-1";
          endpoint = null;
          versions = { };
        };
      };
    };
    anS3SourceIsTheSameInEveryRegion = {
      expr = (normalise { s3.bucket = "my-models"; }).identity;
      expected =
        (normalise {
          s3 = {
            bucket = "my-models";
            region = "eu-central-1";
            endpoint = "https://s3.example.org";
          };
        }).identity;
    };
    aPrefixIsADirectory = {
      expr =
        (normalise {
          s3 = {
            bucket = "my-models";
            prefix = "llama";
          };
        }).repo;
      expected = "s3://my-models/llama/";
    };
    oneFileOfABucketHasItsOwnVersionOnly = {
      expr =
        map
          (
            paths:
            (
              (normalise {
                s3 = {
                  bucket = "my-models";
                  versions = {
                    a = "1";
                    b = "2";
                  };
                };
              }).spec
              paths
            ).s3.versions
          )
          [
            null
            [ "a" ]
            [ "c" ]
            [ ]
          ];
      expected = [
        {
          a = "1";
          b = "2";
        }
        { a = "1"; }
        { }
        { }
      ];
    };

    url = {
      expr = facts (normalise {
        url = {
          files = {
            "model.gguf" = "https://example.org/model.gguf?download=true";
            "config.json" = [
              "https://example.org/config.json"
              "https://mirror.example/config.json"
            ];
          };
          query = "public";
        };
      });
      expected = {
        type = "url";
        org = null;
        model = null;
        repo = "https://example.org/config.json";
        rev = null;
        repoType = "model";
        hasCommits = false;
        identity = {
          type = "url";
          files = {
            "model.gguf" = "https://example.org/model.gguf?download=true";
            "config.json" = "https://example.org/config.json";
          };
        };
        spec.url.files = {
          "model.gguf" = [ "https://example.org/model.gguf?download=true" ];
          "config.json" = [
            "https://example.org/config.json"
            "https://mirror.example/config.json"
          ];
        };
      };
    };
  };
}
