# Runs the bundled fetcher (./fetcher) in derivations. Apply it to nixpkgs once for many models.
let
  inherit (import ./sources) kinds;
  bundlePython = import ./bundle-python.nix;
  runPython = import ./run-python.nix;

  fetcher = bundlePython [ ] "fetcher" ./fetcher;

  # An entry does not depend on how files are downloaded: another release, in which only these modules have
  # changed, does not copy the files of a model again.
  assembler = bundlePython [
    "active_upstream"
    "archive"
    "binary_cache"
    "body"
    "caches"
    "coding"
    "concurrency"
    "connections"
    "content_hashes"
    "deadlines"
    "documents"
    "download"
    "downloads"
    "fetch"
    "framing"
    "http_client"
    "job_queue"
    "links"
    "narinfo"
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

  assembling = runPython assembler;
  downloading = runPython fetcher;

  # A download of this hash, from sources of one kind: what is not said about the others.
  unnamed = {
    name = "file";
    spec = "";
    outputHashMode = "flat";
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
in
pkgs:
let
  inherit (pkgs) lib;
  # Builds run on the build platform, also when `pkgs` is for another one.
  tools = pkgs.buildPackages or pkgs;
  inherit (tools) cacert python3;

  network = downloading // {
    outputHashAlgo = "sha256";
    # The hash protects the content, but only TLS keeps a token from strangers.
    SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
  };
  variables = lib.fetchers.proxyImpureEnvVars ++ [
    "AIMODELS_CACHES"
    "AIMODELS_MAX_CONNECTIONS"
    "AIMODELS_MAX_FILES"
    # Older releases of nixpkgs do not list it among the proxy variables.
    "NIX_SSL_CERT_FILE"
  ];

  make =
    used:
    let
      attributes = network // {
        # Python's setup hook puts the packages and what they need into PYTHONPATH. `withPackages` would
        # cost hundreds of thunks, and a C compiler for its wrappers.
        nativeBuildInputs = [
          python3
          python3.pkgs.requests
        ]
        ++ builtins.concatMap (kind: kind.pythonPackages python3.pkgs) used;
        # These come from the environment of nix-daemon; unset ones arrive as empty strings.
        impureEnvVars = variables ++ builtins.concatMap (kind: kind.impureEnvVars) used;
      };
    in
    {
      inherit attributes;
      # What stdenv makes of it, for derivations that differ in little: there is one for each file, and stdenv
      # costs hundreds of thunks each time.
      inherit (tools.stdenvNoCC.mkDerivation (attributes // unnamed)) drvAttrs;
    };

  byKind = builtins.mapAttrs (_name: kind: make [ kind ]) kinds;

  ofSources =
    sources:
    let
      types = builtins.attrNames (builtins.groupBy (source: source.type) sources);
    in
    if builtins.length sources == 1 || builtins.length types == 1 then
      byKind.${(builtins.head sources).type}
    else
      make (map (type: kinds.${type}) types);
in
{
  /**
    Attributes with which `stdenvNoCC.mkDerivation` assembles an entry, but for `name` and `spec`: the JSON that
    says what to do.

    # Type

    ```
    assembly :: AttrSet
    ```
  */
  assembly = assembling // {
    # An entry is built again when the Python that assembles it changes. This one changes less often: it does
    # not depend on OpenSSL, SQLite, ncurses, readline and time zones.
    nativeBuildInputs = [ (tools.python3Minimal or python3) ];
  };

  /**
    Attributes with which `stdenvNoCC.mkDerivation` downloads from these sources, but for `name`, `spec`,
    `outputHashMode` and `outputHash`. The derivation may use the network.

    # Type

    ```
    download :: [Source] -> AttrSet
    ```

    # Arguments

    sources
    : As ./sources/default.nix returns them.
  */
  download = sources: (ofSources sources).attributes;

  /**
    A derivation that downloads from these sources. Apply it to the sources once for many files.

    # Type

    ```
    fixedOutput :: [Source] -> { name, spec, outputHash, outputHashMode ? "flat" } -> Derivation
    ```
  */
  fixedOutput =
    sources:
    let
      inherit (ofSources sources) drvAttrs;
    in
    changes: derivation (drvAttrs // changes);
}
