/**
  The `files` pin: a fixed-output derivation for each file and one for the bundle, then an assembly without
  network. Apply it to the first argument once for many models.

  # Type

  ```
  filesPin :: AttrSet -> (String -> a) -> AttrSet -> { blobs, bundle, assemble }
  ```

  # Arguments

  fail
  : Throws a message about the model.

  checked
  : The arguments, as ../arguments.nix returns them.

  # Result

  blobs
  : The derivation of each file, by its path in the model: the file, or a link to it in the bundle.

  bundle
  : The derivation of the bundle, if there is one.

  assemble
  : A function from the layout, and from more attributes for the derivation, to the entry.
*/
let
  inherit (import ../util.nix) quote sri toJSONLike;
  names = import ../names.nix;

  # Names of files that `builtins.toJSON` takes for the value of the whole set.
  special = {
    outPath = null;
    __toString = null;
  };
in
{ stdenvNoCC, fetcher }:
fail:
{
  name,
  sources,
  files,
  bundle,
  enable,
  ...
}:
let
  # Either may be absent. They are passed on as the caller wrote them, because models can have thousands of
  # files.
  single = if files == null then { } else files;
  bundled = if bundle == null then { } else bundle.files;

  specs = map (source: source.spec null) sources;
  isByPath = builtins.any (source: source.isByPath or true) sources;
  specsOf = paths: map (source: source.spec paths) sources;

  toJSON = toJSONLike (
    [
      (builtins.intersectAttrs special single)
      (builtins.intersectAttrs special bundled)
    ]
    ++ (if isByPath then specs else [ ])
  );

  fixedOutput = fetcher.fixedOutput sources;

  singleBlobs = builtins.mapAttrs (
    path: file:
    let
      hash = sri fail "files.${quote path}.hash" file.hash;
    in
    fixedOutput {
      name = names.fileName path;
      outputHash = hash;
      spec = toJSON {
        mode = "file";
        sources = if isByPath then specsOf [ path ] else specs;
        inherit path hash;
        size = file.size or null;
      };
    }
  ) single;

  bundleDrv = fixedOutput {
    # Free of model and revision, as the names of files: models with the same small files share it.
    name = "bundle";
    outputHashMode = "recursive";
    outputHash = sri fail "bundle.hash" bundle.hash;
    spec = toJSON {
      mode = "bundle";
      sources = if isByPath then specsOf (builtins.attrNames bundled) else specs;
      files = checkedBundled;
    };
  };

  checkedBundled = builtins.mapAttrs (
    path: file:
    file
    // {
      hash = sri fail "bundle.files.${quote path}.hash" file.hash;
    }
  ) bundled;

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
in
{
  blobs = singleBlobs // builtins.mapAttrs bundledBlob checkedBundled;

  bundle = bundleDrv;

  assemble =
    layout: extra:
    stdenvNoCC.mkDerivation (
      fetcher.assembly
      // {
        name = names.sanitize name;
        spec = toJSON {
          mode = "assemble";
          # It names the entry; no request is made.
          sources = [ ((builtins.head sources).spec [ ]) ];
          integration = enable;
          inherit layout;
          files = builtins.mapAttrs (
            path: file:
            file
            // {
              store = singleBlobs.${path}.outPath;
            }
          ) single;
          bundle =
            if bundle == null then
              { }
            else
              {
                store = "${bundleDrv}";
                files = bundled;
              };
        };
      }
      // extra
    );
}
