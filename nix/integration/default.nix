# The index of the helpers for the entries that `fetchModel` makes.
{
  inherit (import ./paths.nix) getModelPath mkCacheName;
  inherit (import ./shells.nix) mkLinkScript mkShellHook;
  inherit (import ./containers.nix) mkContainerMounts mkContainerVolumes;
  mkCache = import ./cache.nix;
}
