# A complete NixOS configuration. The machine is a container, which needs no kernel.
{
  self,
  nixpkgs,
  pkgs,
  entry,
}:
(nixpkgs.lib.nixosSystem {
  inherit (pkgs.stdenv.hostPlatform) system;
  modules = [
    self.nixosModules.default
    (
      { config, lib, ... }:
      {
        boot.isContainer = true;
        documentation.enable = false;
        system.stateVersion = lib.trivial.release;

        services.ai-models = {
          enable = true;
          models.tiny.package = entry;
          integration.huggingface = {
            offline = true;
            user = "inference";
            group = "inference";
            services = [ "inference" ];
          };
          tokenFile = "/run/secrets/hf-token";
          fleet.serve = {
            enable = true;
            origin = "https://cache.example.org";
            directory = "/srv/ai-models-cache";
            size = "1G";
            resolvers = [ "127.0.0.53" ];
          };
          fleet.pull = {
            enable = true;
            caches = [ "http://127.0.0.1:8080" ];
          };
        };

        users.users.inference = {
          isSystemUser = true;
          group = "inference";
        };
        users.groups.inference = { };

        systemd.services.inference = {
          wantedBy = [ "multi-user.target" ];
          script = "ls ${config.services.ai-models.modelPaths.tiny}";
        };
      }
    )
  ];
}).config.system.build.toplevel
