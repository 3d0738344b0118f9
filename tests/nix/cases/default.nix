# All cases: name of an exported function -> name of a case -> { expr; expected; }.
{ pkgs }:
let
  library = import ../../../nix;
in
import ./names.nix
// import ./keys.nix
// import ./urls.nix
// import ./only.nix
// import ./hash.nix { inherit pkgs; }
// import ./fetcher.nix { inherit pkgs; }
// import ./sources.nix
// import ./arguments.nix
// import ./integration.nix { inherit pkgs library; }
// import ./fetch-model.nix { inherit pkgs library; }
