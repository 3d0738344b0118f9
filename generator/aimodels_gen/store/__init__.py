"""The files of pins in the Nix store of this machine."""
