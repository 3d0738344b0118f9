# The index of the helpers for the models that `fetchModel` makes.
{
  inherit (import ./paths.nix) getModelPath mkCacheName;
  inherit (import ./shells.nix) mkLinkScript mkShellHook;
  inherit (import ./containers.nix) mkContainerMounts mkContainerVolumes;
  inherit (import ./joined.nix) mkDirectory mkOllamaModels;
  mkCache = import ./cache.nix;
  mkImage = import ./image.nix;
}
