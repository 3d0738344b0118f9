# Helpers around the entries that `fetchModel` makes; an index of the files beside it.
{
  inherit (import ./names.nix) mkCacheName getModelPath;
  inherit (import ./shells.nix) mkLinkScript mkShellHook;
  inherit (import ./containers.nix) mkContainerMounts mkContainerVolumes;
  mkCache = import ./cache.nix;
}
