/**
  The `hash` pin: the whole entry as one fixed-output derivation. Apply it to the first argument once for many
  models.

  # Type

  ```
  treePin :: AttrSet -> (String -> a) -> AttrSet -> AttrSet -> Derivation
  ```

  # Arguments

  fail
  : Throws a message about the model.

  checked
  : The arguments, as ../arguments.nix returns them.

  extra
  : More attributes for the derivation.
*/
let
  inherit (import ../util.nix) sri toJSON;
  names = import ../names.nix;
in
{ stdenvNoCC, fetcher }:
fail:
{
  name,
  sources,
  hash,
  include,
  exclude,
  enable,
  ...
}:
extra:
let
  settings = {
    integration = enable;
    inherit include exclude;
  };
in
stdenvNoCC.mkDerivation (
  fetcher.download sources
  // {
    name = names.treeName name ((builtins.head sources).identity // settings);
    outputHashMode = "recursive";
    outputHash = sri fail "hash" hash;
    spec = toJSON (
      settings
      // {
        mode = "tree";
        sources = map (source: source.spec null) sources;
      }
    );
  }
  // extra
)
