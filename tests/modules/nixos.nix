# The `config` of NixOS with our module, as far as our module sets it.
{
  # Of the real nixpkgs.
  lib,
  modules,
}:
(lib.evalModules {
  modules = [
    ../../nix/modules/nixos.nix
    ./nixpkgs/nixos/modules/misc/assertions.nix
    {
      # Options of NixOS, of any type.
      config._module = {
        freeformType = lib.types.lazyAttrsOf lib.types.anything;
        args.pkgs = import ./nixpkgs { inherit lib; };
      };
    }
  ]
  ++ modules;
}).config
