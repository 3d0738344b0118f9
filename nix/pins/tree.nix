# The `hash` pin: the whole entry as one fixed-output derivation.
{
  stdenvNoCC,
  fetcher,
  fail,
  name,
  sources,
  hash,
  include,
  exclude,
  enable,
}:
let
  inherit (import ../util.nix) sri;
  names = import ../names.nix;
in
{
  /**
    The derivation of the entry, with more attributes for it.

    # Type

    ```
    fetch :: AttrSet -> Derivation
    ```
  */
  fetch =
    extra:
    stdenvNoCC.mkDerivation (
      fetcher.build sources { } {
        mode = "tree";
        sources = map (source: source.spec null) sources;
        integration = enable;
        inherit include exclude;
      }
      // fetcher.fixedOutput sources "recursive" (sri fail "hash" hash)
      // {
        name = names.treeName name (
          (builtins.head sources).identity
          // {
            integration = enable;
            inherit include exclude;
          }
        );
      }
      // extra
    );
}
