/**
  The files of a model by their paths in it, for programs that take the path of one file. Of a tree pin only those
  are known that its arguments name; another one is at `snapshotPath`.

  # Type

  ```
  modelFiles :: AttrSet -> AttrSet | Null -> String -> AttrSet
  ```

  # Arguments

  checked
  : The arguments, as ../arguments.nix returns them.

  blobs
  : For a `files` pin, the derivation of each file.

  snapshotPath
  : The path of the model's files.
*/
let
  inherit (import ../util.nix) match;
  inherit (import ./placing.nix) isName;

  # llama.cpp finds the other files of a model in the directory of the first one.
  isPart = path: match ".*-[0-9]{5}-of-[0-9]{5}[.][^./]+" path != null;
in
checked: blobs: snapshotPath:
let
  inherit (checked) include exclude source;

  named =
    if include != null && exclude == [ ] then
      builtins.filter isName include
    else if include == null && exclude == [ ] && source.type == "url" then
      builtins.attrNames source.identity.files
    else
      [ ];
in
if checked.hash == null then
  builtins.mapAttrs (path: blob: if isPart path then "${snapshotPath}/${path}" else "${blob}") blobs
else
  builtins.listToAttrs (
    map (path: {
      name = path;
      value = "${snapshotPath}/${path}";
    }) named
  )
