# The `files` pin: a fixed-output derivation for each file, then an assembly without network.
{
  stdenvNoCC,
  fetcher,
  fail,
  name,
  sources,
  files,
  enable,
}:
let
  inherit (import ../util.nix) quote sri;
  names = import ../names.nix;

  checked = builtins.mapAttrs (path: file: {
    hash = sri fail "files.${quote path}.hash" file.hash;
    size = file.size or null;
    lfs = file.lfs or false;
  }) files;

  build = fetcher.build sources files;
  fixedOutput = fetcher.fixedOutput sources "flat";

  blobs = builtins.mapAttrs (
    path: file:
    stdenvNoCC.mkDerivation (
      build {
        mode = "file";
        sources = map (source: source.spec [ path ]) sources;
        inherit path;
        inherit (file) hash size;
      }
      // fixedOutput file.hash
      // {
        name = names.fileName path;
      }
    )
  ) checked;
in
{
  /**
    The derivation of each file, by its path in the model.

    # Type

    ```
    blobs :: AttrSet
    ```
  */
  inherit blobs;

  /**
    The derivation of the entry that these files make, with more attributes for it.

    # Type

    ```
    assemble :: String -> AttrSet -> Derivation
    ```

    # Arguments

    layout
    : "copy" or "link".
  */
  assemble =
    layout: extra:
    stdenvNoCC.mkDerivation (
      build {
        mode = "assemble";
        # It names the entry; no request is made.
        sources = [ ((builtins.head sources).spec [ ]) ];
        integration = enable;
        inherit layout;
        files = builtins.mapAttrs (path: file: file // { store = "${blobs.${path}}"; }) checked;
      }
      // {
        name = names.sanitize name;
      }
      // extra
    );
}
