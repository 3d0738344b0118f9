# Runs the bundled fetcher (./fetcher) in derivations.
pkgs:
let
  inherit (pkgs) lib;
  inherit (import ./util.nix) toJSONLike;
  # Builds run on the build platform, also when `pkgs` is for another one.
  tools = pkgs.buildPackages or pkgs;
  inherit (tools) cacert python3;

  # An entry is built again when the Python that assembles it changes. This one changes less often: it does
  # not depend on OpenSSL, SQLite, ncurses, readline and time zones.
  minimalPython = tools.python3Minimal or python3;

  fetcher = import ./bundle-python.nix [ ] "fetcher" ./fetcher;

  # An entry does not depend on how files are downloaded: another release, in which only these modules have
  # changed, does not copy the files of a model again.
  assembler = import ./bundle-python.nix [
    "active_upstream"
    "body"
    "coding"
    "concurrency"
    "connections"
    "content_hashes"
    "deadlines"
    "documents"
    "download"
    "fetch"
    "framing"
    "http_client"
    "job_queue"
    "links"
    "partial_file"
    "peek"
    "peer_connections"
    "progress"
    "range_download"
    "redirects"
    "response"
    "resumable"
    "retry"
    "routes"
    "shared_parts"
    "targets"
    "upstreams"
    "verification"
    "worker_pool"
    "workers"
  ] "assembler" ./fetcher;
in
{
  /**
    Attributes with which `stdenvNoCC.mkDerivation` runs the fetcher on a spec. Apply it to the paths once
    for all files of a model: how to write JSON is decided then.

    # Type

    ```
    build :: [Source] -> AttrSet -> AttrSet -> AttrSet
    ```

    # Arguments

    sources
    : As ./sources/default.nix returns them.

    files
    : Attributes named by the paths that the spec may contain.

    spec
    : What to do.
  */
  build =
    sources: files:
    let
      toJSON = toJSONLike [
        (builtins.intersectAttrs {
          outPath = null;
          __toString = null;
        } files)
        (map (source: source.spec null) sources)
      ];
    in
    spec:
    let
      isAssembly = spec.mode == "assemble";
      program = if isAssembly then assembler else fetcher;
    in
    {
      spec = toJSON spec;
      # A listing of thousands of files does not fit into an environment variable. nixpkgs can be
      # configured to default to structured attributes, which have no passAsFile.
      passAsFile = [ "spec" ];
      __structuredAttrs = false;
      nativeBuildInputs = [ (if isAssembly then minimalPython else python3) ];
      preferLocalBuild = true;
      dontFixup = true;
      # With a build command, stdenv runs no phases or hooks; this one is for `overrideAttrs`.
      buildCommand = ''
        python3 -B -X utf8 ${program} "$specPath"
        eval "''${postBuild-}"
      '';
    };

  /**
    Attributes that make it a fixed-output derivation, which may use the network. Apply it to the sources
    once for all files of a model: the Python environment is evaluated then.

    # Type

    ```
    fixedOutput :: [Source] -> String -> String -> AttrSet
    ```

    # Arguments

    sources
    : As ./sources/default.nix returns them.

    mode
    : "flat" or "recursive".

    hash
    : SRI hash.
  */
  fixedOutput =
    sources:
    let
      network = {
        outputHashAlgo = "sha256";
        nativeBuildInputs = [
          (python3.withPackages (
            python: [ python.requests ] ++ builtins.concatMap (source: source.pythonPackages python) sources
          ))
        ];
        # The hash protects the content, but only TLS keeps a token from strangers.
        SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
        # These come from the environment of nix-daemon; unset ones arrive as empty strings.
        impureEnvVars =
          lib.fetchers.proxyImpureEnvVars
          ++ [
            "AIMODELS_MAX_CONNECTIONS"
            "AIMODELS_MAX_FILES"
            # Older releases of nixpkgs do not list it among the proxy variables.
            "NIX_SSL_CERT_FILE"
          ]
          ++ builtins.concatMap (source: source.impureEnvVars) sources;
      };
    in
    mode: hash:
    network
    // {
      outputHashMode = mode;
      outputHash = hash;
    };
}
