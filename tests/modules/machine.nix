# What the machine of tests/support/machine.py has besides our module.
{ config, ... }:
let
  inherit (config.systemd.services.nix-daemon.environment) NIX_STATE_DIR;
in
{
  # See there.
  users = {
    users = {
      hf = { };
      alice = { };
    };
    groups = {
      hf = { };
      alice = { };
    };
  };

  systemd = {
    # For builds of its users. As on NixOS, the socket accepts connections while the daemon starts.
    sockets.nix-daemon = {
      wantedBy = [ "sockets.target" ];
      listenStreams = [ "${NIX_STATE_DIR}/daemon-socket/socket" ];
    };

    services = {
      nix-daemon = {
        requires = [ "nix-daemon.socket" ];
        after = [ "nix-daemon.socket" ];
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          # It has its environment when `systemctl` returns.
          Type = "exec";
          ExecStart = "/usr/bin/nix-daemon";
        };
      };

      # See there.
      "user@".serviceConfig.TimeoutStopSec = "2s";
    };
  };
}
