# The index of the helpers for the entries that `fetchModel` makes.
{
  inherit (import ../names.nix) mkCacheName;
  inherit (import ./paths.nix) getModelPath;
  inherit (import ./shells.nix) mkLinkScript mkShellHook;
  inherit (import ./containers.nix) mkContainerMounts mkContainerVolumes;
  mkCache = import ./cache.nix;
}
