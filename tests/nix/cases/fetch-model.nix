{ pkgs, library }:
let
  fetchModel = library.fetchModel pkgs;
  commit = "01c7f73d771dfac7d292323805ebc428287df4f9";
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

  # As in the guide.
  llama = fetchModel {
    name = "llama-2-7b";
    source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
    inherit hash;

    integration.huggingface = {
      enable = true;
      org = null;
      model = null;
    };
  };

  filesPin = {
    name = "llama";
    source.huggingface = {
      repo = "meta-llama/Llama-2-7b-hf";
      rev = commit;
    };
    files = {
      "config.json" = {
        inherit hash;
        size = 609;
      };
      "a b/model.safetensors" = {
        inherit hash;
        lfs = true;
      };
    };
  };
  files = fetchModel filesPin;

  treeWith =
    source: extra:
    fetchModel (
      {
        name = "m";
        source.huggingface = source;
        inherit hash;
      }
      // extra
    );
  base = treeWith { repo = "o/m"; } { };
in
{
  fetchModel = {
    whatItIsCalledWhileTheHashIsToBeFilledIn = {
      expr =
        let
          unfilled = treeWith { repo = "meta-llama/Llama-2-7b-hf"; } { hash = "sha256-..."; };
        in
        {
          inherit (unfilled.passthru.meta) org model;
          inherit (unfilled) hfCachePath;
          built = (builtins.tryEval unfilled.drvPath).success;
        };
      expected = {
        org = "meta-llama";
        model = "Llama-2-7b-hf";
        hfCachePath = "models--meta-llama--Llama-2-7b-hf";
        built = false;
      };
    };
    passthruOfTheGuide = {
      expr = {
        inherit (llama.passthru.meta) org model sourceType;
        inherit (llama.passthru) hfCachePath;
      };
      expected = {
        org = "meta-llama";
        model = "Llama-2-7b-hf";
        sourceType = "huggingface";
        hfCachePath = "models--meta-llama--Llama-2-7b-hf";
      };
    };

    isADerivation = {
      expr = llama.type;
      expected = "derivation";
    };

    metaIsKeptAndGrown = {
      expr =
        (fetchModel (
          filesPin
          // {
            meta = {
              description = "A model";
              license = "llama2";
            };
          }
        )).meta;
      expected = {
        description = "A model";
        license = {
          licenseType = "simple";
          shortName = "llama2";
          fullName = "Llama 2 Community License";
          free = false;
        };
        org = "meta-llama";
        model = "Llama-2-7b-hf";
        sourceType = "huggingface";
        repo = "meta-llama/Llama-2-7b-hf";
        rev = commit;
      };
    };

    namesCanBeReplaced = {
      expr =
        (fetchModel (
          filesPin
          // {
            integration.huggingface = {
              org = "my-org";
              model = "mine";
            };
          }
        )).hfCachePath;
      expected = "models--my-org--mine";
    };

    plainFilesHaveNoCacheName = {
      expr = fetchModel (filesPin // { integration.huggingface.enable = false; }) ? hfCachePath;
      expected = false;
    };

    oneDerivationAFileFreeOfTheRevision = {
      expr = builtins.mapAttrs (_path: blob: blob.name) files.blobs;
      expected = {
        "config.json" = "config.json";
        "a b/model.safetensors" = "model.safetensors";
      };
    };

    # Whatever the files are called.
    downloadsKnowOnlyTheirFiles =
      let
        model = fetchModel {
          name = "m";
          source.s3 = {
            bucket = "my-models";
            versions = {
              a = "1";
              b = "2";
              outPath = "3";
            };
          };
          fallbacks = [ { url.files.outPath = "https://example.org/o"; } ];
          files.b = { inherit hash; };
          bundle = {
            inherit hash;
            files = {
              a = { inherit hash; };
              outPath = { inherit hash; };
            };
          };
          integration.huggingface.enable = false;
        };
        bucket =
          versions:
          "{\"s3\":{\"bucket\":\"my-models\",\"endpoint\":null,\"prefix\":\"\",\"region\":null,\"versions\":${versions}}}";
      in
      {
        expr = [
          model.blobs.b.spec
          model.bundle.spec
        ];
        expected = [
          "{\"hash\":\"${hash}\",\"mode\":\"file\",\"path\":\"b\",\"size\":null,\"sources\":[${bucket "{\"b\":\"2\"}"},{\"url\":{\"files\":{}}}]}"
          "{\"files\":{\"a\":{\"hash\":\"${hash}\"},\"outPath\":{\"hash\":\"${hash}\"}},\"mode\":\"bundle\",\"sources\":[${bucket "{\"a\":\"1\",\"outPath\":\"3\"}"},{\"url\":{\"files\":{\"outPath\":[\"https://example.org/o\"]}}}]}"
        ];
      };

    equalFilesAreSharedBetweenModelsAndRevisions = {
      expr =
        (fetchModel (
          filesPin
          // {
            name = "other";
            source.huggingface = {
              repo = "someone/else";
              rev = "0000000000000000000000000000000000000000";
            };
          }
        )).blobs."config.json".outPath == files.blobs."config.json".outPath;
      expected = true;
    };

    linkedIsTheLinkForm = {
      expr = files.linked.outPath == (fetchModel (filesPin // { layout = "link"; })).outPath;
      expected = true;
    };
    linkedOfALinkIsItself = {
      expr =
        let
          link = fetchModel (filesPin // { layout = "link"; });
        in
        link.linked.outPath == link.outPath;
      expected = true;
    };
    linkedOfATreeIsItself = {
      expr = llama.linked.outPath == llama.outPath;
      expected = true;
    };

    entriesAreTheSameForAllHostPlatforms =
      let
        system = "x86_64-linux";
        paths =
          pkgs:
          let
            model = library.fetchModel pkgs filesPin;
            tree = library.fetchModel pkgs {
              name = "tree";
              source.huggingface.repo = "o/m";
              inherit hash;
            };
          in
          map (each: each.drvPath) (
            [
              model
              model.linked
              tree
              (library.integration.mkCache pkgs [ model ])
            ]
            ++ builtins.attrValues model.blobs
          )
          ++ [ tree.snapshotPath ];
        native = import ../pkgs { inherit system; };
        cross = import ../pkgs {
          inherit system;
          crossSystem = "aarch64-linux";
        };
        # Otherwise the case would prove nothing.
        hostDrv = pkgs: (pkgs.runCommand "x" { } "").drvPath;
      in
      {
        expr = [
          (paths cross == paths native)
          (hostDrv cross == hostDrv native)
        ];
        expected = [
          true
          false
        ];
      };

    # Each change of its inputs copies the files again.
    anEntryDoesNotDependOnTheWholeOfPython =
      let
        pathWith =
          changes:
          let
            tools = pkgs.buildPackages // changes;
            model = library.fetchModel (pkgs // changes // { buildPackages = tools; }) filesPin;
          in
          map (each: each.outPath) [
            model
            model.linked
          ];
        other = pkgs.cacert // {
          inherit (pkgs.python3) pkgs;
        };
      in
      {
        expr = map (changes: pathWith changes == pathWith { }) [
          { python3 = other; }
          { python3Minimal = other; }
          { cacert = pkgs.python3; }
        ];
        expected = [
          true
          false
          true
        ];
      };

    unfreeLicencesAreRefusedAsByNixpkgs =
      let
        evaluates = meta: (builtins.tryEval (fetchModel (filesPin // { inherit meta; })).outPath).success;
      in
      {
        expr = map evaluates [
          { }
          { license = null; }
          { license = "mit"; }
          { license = "other"; }
          { license = "llama2"; }
          {
            license = [
              "mit"
              "llama2"
            ];
          }
        ];
        expected = [
          true
          true
          true
          true
          false
          false
        ];
      };

    # Otherwise Nix would reuse the content of the old source.
    anotherSourceIsAnotherPath = {
      expr =
        let
          paths = map (model: model.outPath) [
            base
            (treeWith { repo = "o/n"; } { })
            (treeWith {
              repo = "o/m";
              rev = commit;
            } { })
            (treeWith {
              repo = "o/m";
              ref = "v1";
            } { })
            (treeWith {
              repo = "o/m";
              repoType = "dataset";
            } { })
            (treeWith { repo = "o/m"; } { include = [ "*.json" ]; })
            (treeWith { repo = "o/m"; } { exclude = [ "*.json" ]; })
            (treeWith { repo = "o/m"; } { integration.huggingface.enable = false; })
          ];
          distinct = builtins.listToAttrs (
            map (path: {
              name = builtins.unsafeDiscardStringContext path;
              value = null;
            }) paths
          );
        in
        builtins.length (builtins.attrNames distinct) == builtins.length paths;
      expected = true;
    };

    mirrorsMakeTheSamePath =
      let
        at =
          endpoint:
          (treeWith {
            inherit endpoint;
            repo = "o/m";
          } { }).outPath;
      in
      {
        expr = [
          (at "https://mirror.example")
          (at [
            "https://mirror.example"
            "https://huggingface.co"
          ])
        ];
        expected = [
          base.outPath
          base.outPath
        ];
      };

    # nixpkgs' testers.invalidateFetcherByDrvHash salts the name and expects another path.
    theNameIsPartOfThePath = {
      expr = (treeWith { repo = "o/m"; } { name = "salted"; }).outPath == base.outPath;
      expected = false;
    };

    anEmptyHashIsTheFakeOne = {
      expr =
        (treeWith { repo = "o/m"; } { hash = ""; }).outPath
        == (treeWith { repo = "o/m"; } { hash = pkgs.lib.fakeHash; }).outPath;
      expected = true;
    };
  }
  // import ./override-attrs.nix { inherit commit files llama; };
}
