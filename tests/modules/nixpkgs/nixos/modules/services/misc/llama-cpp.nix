# At the path of nixpkgs' own file: what its options of 2026 make of the settings, with Debian's llama-server.
{ config, lib, ... }:
let
  # Where nixpkgs has its package.
  package = {
    type = "derivation";
    outPath = "/usr";
  };

  cfg = config.services.llama-cpp;

  # A true flag has no value, a false one is left out.
  argument =
    name: value:
    if lib.isBool value then
      lib.optionalString value "--${name}"
    else
      "--${name} ${lib.generators.mkValueStringDefault { } value}";
in
{
  options.services.llama-cpp = {
    enable = lib.mkEnableOption "llama-server";
    settings = lib.mkOption {
      type = lib.types.attrs;
      default = { };
    };
  };

  config = {
    _module.args.pkgs = lib.mkOverride 10 (
      import ../../../../. { inherit lib; } // { llama-cpp = package; }
    );

    systemd.services.llama-cpp.serviceConfig = lib.mkIf cfg.enable {
      ExecStart = toString (
        [ "${package}/bin/llama-server" ] ++ lib.mapAttrsToList argument cfg.settings
      );
      DynamicUser = true;
      CacheDirectory = "llama-cpp";
      Environment = [ "LLAMA_CACHE=/var/cache/llama-cpp" ];
    };
  };
}
