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
    ./nixpkgs/nixos/modules/services/web-servers/nginx
    ./nixpkgs/nixos/modules/system/boot/systemd.nix
    {
      options = {
        nixpkgs.config = lib.mkOption {
          type = lib.types.raw;
          default = { };
        };
        networking.firewall.allowedTCPPorts = lib.mkOption {
          type = lib.types.listOf lib.types.port;
          default = [ ];
        };
        nix.settings = lib.mkOption {
          type = lib.types.attrsOf lib.types.anything;
          default = { };
        };
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
