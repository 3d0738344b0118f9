# What the machine of tests/support/machine.py has besides our module.
{
  systemd.services = {
    # For builds of its users, as on NixOS.
    nix-daemon = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig.ExecStart = "/usr/bin/nix-daemon";
    };

    # See there.
    "user@".serviceConfig.TimeoutStopSec = "2s";
  };
}
