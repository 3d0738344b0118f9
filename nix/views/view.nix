/**
  A view: a directory of links to files of models, arranged for one engine. Apply it to nixpkgs once for many
  views.

  # Type

  ```
  view :: Pkgs -> { name, models, links ? [ ], texts ? { }, ollama ? [ ] } -> Derivation
  ```

  # Arguments

  name
  : Name of the derivation.

  models
  : For each model the path of its files.

  links
  : Where files go, each `{ model; path; file; option; line; own; }`: the file or the pattern `file` of the model is
    linked at `path`, or, with a `/` at its end, below it by its own name. With a `/` at its end, `file` is a directory
    of the model (`./`: all of it), whose files keep their paths below it. Messages name `option`, the argument
    that asks for it, and `line`, which gives the file another place than that of another model's file. `own`,
    which is `line` if it is absent, does that for two files of one model; null if no argument can. The build
    replaces %NEW%, %FILE% and %MODEL% in them.

  texts
  : Small files by their paths.

  ollama
  : Models for Ollama: the arguments of `integration.ollama`, and `model`.
*/
let
  inherit (import ../util.nix) toJSON;
  inherit (import ../names.nix) sanitize;
  program = import ../bundle-python.nix [ ] "engines" ../engines;
  attributes = import ../run-python.nix program;
in
pkgs:
let
  # Builds run on the build platform, and views are the same for all others.
  tools = pkgs.buildPackages or pkgs;
  nativeBuildInputs = [ (tools.python3Minimal or tools.python3) ];
in
{
  name,
  models,
  links ? [ ],
  texts ? { },
  ollama ? [ ],
}@parts:
tools.stdenvNoCC.mkDerivation (
  attributes
  // {
    inherit nativeBuildInputs;
    name = sanitize name;
    spec = toJSON {
      version = 1;
      models = builtins.mapAttrs (_name: files: { inherit files; }) models;
      inherit links texts ollama;
    };
    # For the views of several models.
    passthru.parts = removeAttrs parts [ "name" ];
  }
)
