/**
  A cache that contains only these models, as a store path: `HF_HOME = "${mkCache pkgs models}"` in images
  and CI, `HF_HUB_CACHE = "${mkCache pkgs models}/hub"` if the rest of `HF_HOME` must stay writable. It
  links to the models and copies nothing.

  # Type

  ```
  mkCache :: Pkgs -> [Derivation] | AttrSet -> Derivation
  ```

  # Arguments

  pkgs
  : nixpkgs. Only the `stdenvNoCC` of its `buildPackages` is used.

  models
  : Models made by `fetchModel`, as a list or an attribute set.

  # Example

  ```nix
  mkShell { HF_HUB_CACHE = "${mkCache pkgs [ llama-2-7b ]}/hub"; }
  ```
*/
pkgs:
assert
  pkgs ? stdenvNoCC
  || throw "nix-ai-models: the first argument of integration.mkCache is nixpkgs: write `mkCache pkgs models`";
models:
let
  inherit (import ./models.nix "mkCache") byCacheName linked;
  inherit (import ./quote.nix) literal;

  entries = byCacheName models;

  link =
    cacheName: "ln -s ${literal "${linked entries.${cacheName}}"} \"$out/hub/\"${literal cacheName}\n";
in
(pkgs.buildPackages or pkgs).stdenvNoCC.mkDerivation {
  name = "huggingface-cache";
  preferLocalBuild = true;
  # Thousands of links do not fit into an environment variable.
  passAsFile = [ "buildCommand" ];
  __structuredAttrs = false;
  buildCommand = ''
    mkdir -p "$out/hub"
    ${builtins.concatStringsSep "" (map link (builtins.attrNames entries))}
  '';
}
