# What the machine of tests/support/machine.py has beside our module.
{
  systemd.services = {
    # For builds of its users, as on NixOS.
    nix-daemon = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig.ExecStart = "/usr/bin/nix-daemon";
    };

    # Where the host has old cgroups, systemd is not told that a user's last process has ended.
    "user@".serviceConfig.TimeoutStopSec = "1s";
  };
}
