# The `config` of the real Home Manager with our module.
{
  # Of the real nixpkgs.
  lib,
  home-manager,
  modules,
  ours ? ../../nix/modules/home-manager.nix,
  system ? "x86_64-linux",
}:
let
  pkgs = import ./nixpkgs { inherit lib system; };
in
(import (home-manager + "/modules") {
  inherit pkgs;
  configuration.imports = [
    ours
    # Not the packages that it would import.
    { _module.args.pkgs = lib.mkForce pkgs; }
    {
      home = {
        username = lib.mkDefault "alice";
        homeDirectory = lib.mkDefault "/home/alice";
        stateVersion = lib.mkDefault "26.05";
      };
    }
    # Other modules set its options.
    (home-manager + "/modules/programs/fish.nix")
  ]
  ++ modules;
  # Few of its modules, none of which needs more packages.
  minimal = true;
  check = false;
}).config
