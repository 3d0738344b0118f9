# All cases: name of an exported function -> name of a case -> { expr; expected; }.
{ pkgs }:
let
  library = import ../../../nix;
in
import ./names.nix
// import ./urls.nix
// import ./util.nix { inherit pkgs; }
// import ./types.nix
// import ./structs.nix
// import ./bundle-python.nix
// import ./fetcher.nix { inherit pkgs; }
// import ./sources.nix
// import ./pasted.nix
// import ./arguments.nix
// import ./quote.nix
// import ./models.nix
// import ./licenses.nix { inherit pkgs; }
// import ./integration.nix { inherit pkgs library; }
// import ./placing.nix
// import ./views.nix { inherit pkgs library; }
// import ./fetch-model.nix { inherit pkgs library; }
