# The cache entry `models--org--NAME`, made without network.
{
  # Of the real nixpkgs.
  lib,
  name,
  content,
}:
import ../checks/entry.nix {
  pkgs = import ./nixpkgs { inherit lib; };
  files = ''
    printf %s ${lib.escapeShellArg content} > config.json
  '';
}
// {
  hfCachePath = "models--org--${name}";
}
