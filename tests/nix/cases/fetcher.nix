{ pkgs }:
let
  fetcher = import ../../../nix/fetcher.nix pkgs;
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  normalise = (import ../../../nix/sources).normalise throw "source";
  hub = normalise { huggingface.repo = "org/name"; };
  bucket = normalise { s3.bucket = "my-models"; };
  variables = sources: (fetcher.download sources).impureEnvVars;
in
{
  "fetcher.assembly" = {
    theSpecIsAFile = {
      expr = { inherit (fetcher.assembly) passAsFile __structuredAttrs; };
      expected = {
        passAsFile = [ "spec" ];
        __structuredAttrs = false;
      };
    };
    needsNoNetwork = {
      expr = fetcher.assembly ? outputHashAlgo || fetcher.assembly ? impureEnvVars;
      expected = false;
    };
  };

  "fetcher.download" = {
    credentialsComeFromTheDaemon = {
      expr = map (builtins.elem "HF_TOKEN") [
        (variables [ hub ])
        (variables [
          hub
          hub
        ])
        (variables [
          bucket
          hub
        ])
      ];
      expected = [
        true
        true
        true
      ];
    };
    andOnlyToWhomTheyAreFor = {
      expr = [
        (builtins.elem "HF_TOKEN" (variables [ bucket ]))
        (builtins.elem "AWS_SECRET_ACCESS_KEY" (variables [ hub ]))
      ];
      expected = [
        false
        false
      ];
    };
    theEnvironmentOfPythonIsNotMade = {
      expr =
        let
          withPackages = throw "an environment costs hundreds of thunks";
          python3 = pkgs.python3 // {
            inherit withPackages;
          };
          other = pkgs // {
            inherit python3;
            buildPackages = pkgs.buildPackages // {
              inherit python3;
            };
          };
        in
        builtins.length ((import ../../../nix/fetcher.nix other).download [ bucket ]).nativeBuildInputs;
      expected = 3;
    };
  };

  "fetcher.fixedOutput" =
    let
      attributes = {
        name = "config.json";
        spec = "{}";
        outputHash = hash;
      };
      made = map (sources: fetcher.fixedOutput sources attributes) [
        [ hub ]
        [ bucket ]
        [
          hub
          bucket
        ]
      ];
    in
    {
      # As if stdenv had made it.
      isThatOfTheAttributes = {
        expr = map (file: file.drvPath) made;
        expected =
          map
            (
              sources:
              (pkgs.stdenvNoCC.mkDerivation (
                fetcher.download sources // attributes // { outputHashMode = "flat"; }
              )).drvPath
            )
            [
              [ hub ]
              [ bucket ]
              [
                bucket
                hub
              ]
            ];
      };
      isFreeOfTheSource = {
        expr = map (file: file.outPath == (builtins.head made).outPath) made;
        expected = [
          true
          true
          true
        ];
      };
      whatNixChecks = {
        expr = {
          inherit (builtins.head made)
            type
            name
            outputHash
            outputHashMode
            outputHashAlgo
            ;
        };
        expected = {
          type = "derivation";
          name = "config.json";
          outputHash = hash;
          outputHashMode = "flat";
          outputHashAlgo = "sha256";
        };
      };
    };
}
