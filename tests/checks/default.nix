# The checks of the modules in `nix flake check`: configurations that need the real nixpkgs and Home
# Manager, not a stand-in.
{
  self,
  nixpkgs,
  pkgs,
}:
let
  inherit (nixpkgs) lib;
  entry = import ./entry.nix { inherit pkgs; };
  arguments = {
    inherit
      self
      nixpkgs
      pkgs
      entry
      ;
  };
in
{
  home-manager = import ./home-manager.nix arguments;
}
// lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
  nixos = import ./nixos.nix arguments;
}
