# The `config` of NixOS with our module: the part that our module sets.
{
  # Of the real nixpkgs.
  lib,
  modules,
  ours ? ../../nix/modules/nixos.nix,
}:
(lib.evalModules {
  modules = [
    ours
    ./nixpkgs/nixos/modules/misc/assertions.nix
    ./nixpkgs/nixos/modules/system/boot/systemd.nix
    {
      options.nixpkgs.config = lib.mkOption {
        type = lib.types.raw;
        default = { };
      };
      config._module = {
        # Other options of NixOS, of any type.
        freeformType = lib.types.lazyAttrsOf lib.types.anything;
        args.pkgs = lib.mkDefault (import ./nixpkgs { inherit lib; });
      };
    }
  ]
  ++ modules;
}).config
