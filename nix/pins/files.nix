# The `files` pin: a fixed-output derivation a file, then an assembly that needs no network.
{
  pkgs,
  fail,
  name,
  sources,
  files,
  enable,
}:
let
  inherit (import ../hash.nix pkgs.lib fail) sri;
  inherit (import ../keys.nix fail) check;
  names = import ../names.nix;
  fetcher = import ../fetcher.nix pkgs;

  known = [
    "hash"
    "size"
    "lfs"
  ];

  checked = builtins.mapAttrs (
    path: file:
    let
      where = "files.\"${path}\"";
    in
    check where known file (
      if !(file ? hash) then
        fail "`${where}.hash` is missing"
      else
        {
          hash = sri "${where}.hash" file.hash;
          size = file.size or null;
          lfs = file.lfs or false;
        }
    )
  ) files;

  blobs = builtins.mapAttrs (
    path: file:
    pkgs.stdenvNoCC.mkDerivation (
      fetcher.build {
        mode = "file";
        sources = map (source: source.spec [ path ]) sources;
        inherit path;
        inherit (file) hash size;
      }
      // fetcher.fixedOutput sources "flat" file.hash
      // {
        name = names.fileName path;
      }
    )
  ) checked;
in
{
  inherit blobs;

  assemble =
    layout: extra:
    pkgs.stdenvNoCC.mkDerivation (
      fetcher.build {
        mode = "assemble";
        # Whose entry it is; nobody is asked.
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
