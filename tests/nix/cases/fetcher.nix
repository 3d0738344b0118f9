{ pkgs }:
let
  fetcher = import ../../../nix/fetcher.nix pkgs;
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  normalise = (import ../../../nix/sources).normalise throw "source";
  hub = normalise { huggingface.repo = "org/name"; };
  bucket = normalise { s3.bucket = "my-models"; };
  variables = sources: (fetcher.fixedOutput sources "flat" hash).impureEnvVars;
in
{
  "fetcher.build" = {
    theSpecIsAFile = {
      expr = { inherit (fetcher.build [ hub ] { } { a = "é\"\${x}"; }) spec passAsFile; };
      expected = {
        spec = ''{"a":"é\"''${x}"}'';
        passAsFile = [ "spec" ];
      };
    };
    pathsAreNamesWhateverTheyAre =
      let
        files.outPath = 1;
        versions.__toString = "1";
      in
      {
        expr = [
          (fetcher.build [ hub ] files { inherit files; }).spec
          (fetcher.build [ (normalise {
            s3 = {
              bucket = "my-models";
              inherit versions;
            };
          }) ] { } { inherit versions; }).spec
        ];
        expected = [
          ''{"files":{"outPath":1}}''
          ''{"versions":{"__toString":"1"}}''
        ];
      };
  };

  "fetcher.fixedOutput" = {
    whatNixChecks = {
      expr = {
        inherit (fetcher.fixedOutput [ hub ] "flat" hash) outputHash outputHashMode outputHashAlgo;
      };
      expected = {
        outputHash = hash;
        outputHashMode = "flat";
        outputHashAlgo = "sha256";
      };
    };
    credentialsComeFromTheDaemon = {
      expr = map (builtins.elem "HF_TOKEN") [
        (variables [ hub ])
        (variables [
          bucket
          hub
        ])
      ];
      expected = [
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
  };
}
