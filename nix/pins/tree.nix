# The `hash` pin: the whole entry as one fixed-output derivation.
{
  pkgs,
  name,
  source,
  hash,
  include,
  exclude,
  enable,
}:
let
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
      // fetcher.fixedOutput "recursive" hash
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
