# The `hash` pin: the whole entry as one fixed-output derivation.
{
  pkgs,
  fail,
  name,
  sources,
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
        sources = map (source: source.spec null) sources;
        integration = enable;
        inherit include exclude;
      }
      // fetcher.fixedOutput sources "recursive" (sri "hash" hash)
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
