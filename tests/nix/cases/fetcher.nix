{ pkgs }:
let
  fetcher = import ../../../nix/fetcher.nix pkgs;
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
in
{
  "fetcher.build" = {
    theSpecIsAFile = {
      expr = { inherit (fetcher.build { a = "é\"\${x}"; }) spec passAsFile; };
      expected = {
        spec = ''{"a":"é\"''${x}"}'';
        passAsFile = [ "spec" ];
      };
    };
  };

  "fetcher.fixedOutput" = {
    whatNixChecks = {
      expr = { inherit (fetcher.fixedOutput "flat" hash) outputHash outputHashMode outputHashAlgo; };
      expected = {
        outputHash = hash;
        outputHashMode = "flat";
        outputHashAlgo = "sha256";
      };
    };
    theTokenComesFromTheDaemon = {
      expr = builtins.elem "HF_TOKEN" (fetcher.fixedOutput "flat" hash).impureEnvVars;
      expected = true;
    };
  };
}
