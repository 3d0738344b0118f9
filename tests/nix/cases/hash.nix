{ pkgs }:
let
  inherit (import ../../../nix/hash.nix pkgs.lib throw) sri;
  good = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
in
{
  "hash.sri" = {
    isKept = {
      expr = sri "hash" good;
      expected = good;
    };
    emptyIsFake = {
      expr = sri "hash" "";
      expected = pkgs.lib.fakeHash;
    };
    othersAreRefused = {
      expr = map (hash: (builtins.tryEval (sri "hash" hash)).success) [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        "sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        "${good} "
        "sha256-"
      ];
      expected = [
        false
        false
        false
        false
      ];
    };
  };
}
