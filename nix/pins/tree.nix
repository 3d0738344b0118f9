# The `hash` pin: the whole entry as one fixed-output derivation.
{
  pkgs,
  fail,
  name,
  source,
  hash,
  include,
  exclude,
  enable,
}:
let
  inherit (import ../hash.nix pkgs.lib fail) sri;
  names = import ../names.nix;
  fetcher = import ../fetcher.nix pkgs;
in
{
  fetch =
    extra:
    pkgs.stdenvNoCC.mkDerivation (
      fetcher.build {
        mode = "tree";
        source = source.spec;
        integration = enable;
        inherit include exclude;
      }
      // fetcher.fixedOutput "recursive" (sri "hash" hash)
      // {
        name = names.treeName name (
          source.identity
          // {
            integration = enable;
            inherit include exclude;
          }
        );
      }
      // extra
    );
}
