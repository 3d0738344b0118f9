# The `files` pin: a fixed-output derivation for each file and one for the bundle, then an assembly without
# network.
{
  stdenvNoCC,
  fetcher,
  fail,
  name,
  sources,
  # Either may be null.
  files,
  bundle,
  enable,
}:
let
  inherit (import ../util.nix) quote sri;
  names = import ../names.nix;

  checked =
    if files == null then
      { }
    else
      builtins.mapAttrs (path: file: {
        hash = sri fail "files.${quote path}.hash" file.hash;
        size = file.size or null;
        lfs = file.lfs or false;
      }) files;

  bundled =
    if bundle == null then
      { }
    else
      builtins.mapAttrs (
        path: file: file // { hash = sri fail "bundle.files.${quote path}.hash" file.hash; }
      ) bundle.files;

  build = fetcher.build sources (checked // bundled);
  fixedOutput = fetcher.fixedOutput sources;

  # Free of model and revision, as the names of files: models with the same small files share it.
  bundleDrv = stdenvNoCC.mkDerivation (
    build {
      mode = "bundle";
      sources = map (source: source.spec (builtins.attrNames bundled)) sources;
      files = bundled;
    }
    // fixedOutput "recursive" (sri fail "bundle.hash" bundle.hash)
    // {
      name = "bundle";
    }
  );

  bundledBlob =
    path: file:
    stdenvNoCC.mkDerivation {
      name = names.fileName path;
      preferLocalBuild = true;
      bundle = bundleDrv;
      digest = builtins.substring 7 44 file.hash;
      # Its name in the bundle is the digest in hex.
      buildCommand = ''
        hex=$(printf %s "$digest" | base64 -d | od -A n -t x1 | tr -d ' \n')
        [ -f "$bundle/$hex" ]
        ln -s "$bundle/$hex" "$out"
      '';
    };

  blobs = builtins.mapAttrs (
    path: file:
    stdenvNoCC.mkDerivation (
      build {
        mode = "file";
        sources = map (source: source.spec [ path ]) sources;
        inherit path;
        inherit (file) hash size;
      }
      // fixedOutput "flat" file.hash
      // {
        name = names.fileName path;
      }
    )
  ) checked;
in
{
  /**
    The derivation of each file, by its path in the model: the file, or a link to it in the bundle.

    # Type

    ```
    blobs :: AttrSet
    ```
  */
  blobs = blobs // builtins.mapAttrs bundledBlob bundled;

  /**
    The derivation of the bundle, if there is one.

    # Type

    ```
    bundle :: Derivation
    ```
  */
  bundle = bundleDrv;

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
        bundle =
          if bundle == null then
            { }
          else
            {
              store = "${bundleDrv}";
              files = bundled;
            };
      }
      // {
        name = names.sanitize name;
      }
      // extra
    );
}
