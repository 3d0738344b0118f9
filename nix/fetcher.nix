# Runs the bundled fetcher (./fetcher) in derivations.
pkgs:
let
  inherit (pkgs) lib;
  # Builds run where they are made, also when `pkgs` is for another platform.
  inherit (pkgs.buildPackages or pkgs) python3;

  program = import ./bundle-python.nix "fetcher" ./fetcher;
in
{
  /**
    Attributes that make `stdenvNoCC.mkDerivation` run the fetcher on a spec.

    # Type

    ```
    build :: AttrSet -> AttrSet
    ```
  */
  build = spec: {
    spec = builtins.toJSON spec;
    # A listing of thousands of files does not fit into an environment variable. nixpkgs may be
    # configured to make structured attributes the default, with which there is no passAsFile.
    passAsFile = [ "spec" ];
    __structuredAttrs = false;
    nativeBuildInputs = [ python3 ];
    preferLocalBuild = true;
    dontFixup = true;
    buildCommand = ''
      python3 -B -X utf8 ${program} "$specPath"
    '';
  };

  /**
    Attributes that make it a fixed-output derivation, which may use the network.

    # Type

    ```
    fixedOutput :: [Source] -> String -> String -> AttrSet
    ```

    # Arguments

    sources
    : As ./sources/default.nix gives them.

    mode
    : "flat" or "recursive".

    hash
    : SRI hash.
  */
  fixedOutput = sources: mode: hash: {
    outputHashMode = mode;
    outputHashAlgo = "sha256";
    outputHash = hash;
    nativeBuildInputs = [
      (python3.withPackages (
        python: [ python.requests ] ++ builtins.concatMap (source: source.pythonPackages python) sources
      ))
    ];
    # Nix does not ask TLS whether the content is right, but a token must not go to a stranger.
    SSL_CERT_FILE = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
    # These come from the environment of nix-daemon; those that are not set arrive empty.
    impureEnvVars =
      lib.fetchers.proxyImpureEnvVars
      ++ [
        "AIMODELS_MAX_CONNECTIONS"
        # Older releases of nixpkgs do not count it among those of proxies.
        "NIX_SSL_CERT_FILE"
      ]
      ++ builtins.concatMap (source: source.impureEnvVars) sources;
  };
}
