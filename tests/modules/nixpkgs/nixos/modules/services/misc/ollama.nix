# At the path of nixpkgs' own file: its options and its unit of 2026, without what graphics cards need. The
# server lists its models.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.ollama;
  staticUser = cfg.user != null && cfg.group != null;
  directory = config.services.ollama.${cfg.directoryOption};

  serve = pkgs.writeShellScript "ollama-serve" ''
    echo "noprune=$OLLAMA_NOPRUNE"
    cd "$OLLAMA_MODELS" && find -L . -type f ! -name '.*' | sort
    exec sleep infinity
  '';
in
{
  options.services.ollama = {
    enable = lib.mkEnableOption "ollama";
    user = mkOption {
      type = types.nullOr types.str;
      default = null;
    };
    group = mkOption {
      type = types.nullOr types.str;
      default = cfg.user;
    };
    home = mkOption {
      type = types.str;
      default = "/var/lib/ollama";
    };
    # Not an option of nixpkgs: which of the names of the option is declared.
    directoryOption = mkOption {
      type = types.str;
      internal = true;
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.ollama = {
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      environment = {
        HOME = cfg.home;
        OLLAMA_MODELS = directory;
      };
      serviceConfig =
        lib.optionalAttrs staticUser {
          User = cfg.user;
          Group = cfg.group;
        }
        // {
          Type = "exec";
          DynamicUser = true;
          ExecStart = serve;
          SyslogIdentifier = "ollama";
          WorkingDirectory = cfg.home;
          StateDirectory = [ "ollama" ];
          ReadWritePaths = [
            cfg.home
            directory
          ];
          CapabilityBoundingSet = [ "" ];
          DevicePolicy = "closed";
          LockPersonality = true;
          MemoryDenyWriteExecute = true;
          NoNewPrivileges = true;
          PrivateDevices = false;
          PrivateTmp = true;
          # On NixOS, the store is not in /tmp.
          BindReadOnlyPaths = [ builtins.storeDir ];
          PrivateUsers = true;
          ProcSubset = "all";
          ProtectClock = true;
          ProtectControlGroups = true;
          ProtectHome = true;
          ProtectHostname = true;
          ProtectKernelLogs = true;
          ProtectKernelModules = true;
          ProtectKernelTunables = true;
          ProtectProc = "invisible";
          ProtectSystem = "strict";
          RemoveIPC = true;
          RestrictNamespaces = true;
          RestrictRealtime = true;
          RestrictSUIDSGID = true;
          RestrictAddressFamilies = [
            "AF_INET"
            "AF_INET6"
            "AF_UNIX"
          ];
          SystemCallArchitectures = "native";
          SystemCallFilter = [
            "@system-service @resources"
            "~@privileged"
          ];
          UMask = "0077";
        };
    };
  };
}
