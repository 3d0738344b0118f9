# Views of several models in one directory.
let
  inherit (import ../util.nix) quote;
  inherit (import ../types/messages.nix) join;
  types = import ../types;
  makeView = import ../views/view.nix;
  completeName = (import ../views/ollama-names.nix).complete;

  # Names are attributes of the spec: of several models with one name, all but the first get a number.
  withUniqueNames =
    given:
    builtins.concatMap (
      same:
      builtins.genList (
        index:
        let
          each = builtins.elemAt same index;
        in
        each
        // {
          unique = if index == 0 then each.name else "${each.name} (${toString (index + 1)})";
        }
      ) (builtins.length same)
    ) (builtins.attrValues (builtins.groupBy (each: each.name) given));

  # The views of the models, without those that are there twice, in an order that is always the same.
  viewsOf =
    helper: kind: directory: models:
    let
      place =
        if directory == null then "integration.${kind}" else join "integration.directory" directory;
      viewOf =
        model:
        let
          integration = model.integration or { };
        in
        if directory == null then
          integration.${kind} or null
        else
          integration.directory.${directory} or null;
      take =
        { name, model }:
        let
          view = viewOf model;
        in
        if !(builtins.isAttrs model && model ? snapshotPath) then
          helper.fail "${quote name} was not made by `fetchModel`: it has no `snapshotPath`"
        else if view == null then
          helper.fail "model ${quote name} has no `${place}`: write it where the model is made, or leave the model out"
        else
          { inherit name view; };
      given = map take (helper.listed models);
      byPath = builtins.groupBy (each: builtins.unsafeDiscardStringContext "${each.view}") given;
      once = map builtins.head (builtins.attrValues byPath);
    in
    withUniqueNames once;

  # The parts of all views, under the names of their models.
  joinedParts =
    views:
    let
      own = part: each: map (one: one // { model = each.unique; }) (each.view.parts.${part} or [ ]);
    in
    {
      models = builtins.listToAttrs (
        map (each: {
          name = each.unique;
          value = builtins.head (builtins.attrValues each.view.parts.models);
        }) views
      );
      links = builtins.concatMap (own "links") views;
      ollama = builtins.concatMap (own "ollama") views;
      texts = builtins.foldl' (texts: each: texts // (each.view.parts.texts or { })) { } views;
    };

  # Of attribute sets with `key`, the first two that have the same one, or null.
  clashOf =
    keyed:
    let
      groups = builtins.groupBy (each: each.key) keyed;
      many = builtins.filter (key: builtins.length groups.${key} > 1) (builtins.attrNames groups);
    in
    if many == [ ] then null else groups.${builtins.head many};

  isNixpkgs =
    function: pkgs:
    pkgs ? stdenvNoCC
    || throw "nix-ai-models: the first argument of integration.${function} is nixpkgs: write `${function} pkgs …`";
in
{
  /**
    A directory of models for Ollama (`OLLAMA_MODELS`), with the models that have `integration.ollama`. Their
    files are links; the rest is generated.

    # Type

    ```
    mkOllamaModels :: Pkgs -> [Derivation] | AttrSet -> Derivation
    ```

    # Arguments

    pkgs
    : nixpkgs.

    models
    : Models made by `fetchModel`, as a list or an attribute set.

    # Example

    ```nix
    { OLLAMA_MODELS = mkOllamaModels pkgs [ llama ]; }
    ```
  */
  mkOllamaModels =
    pkgs:
    assert isNixpkgs "mkOllamaModels" pkgs;
    models:
    let
      helper = import ./models.nix "mkOllamaModels";
      parts = joinedParts (viewsOf helper "ollama" null models);
      clash = clashOf (map (one: one // { key = completeName one.name; }) parts.ollama);
      second = builtins.elemAt clash 1;
    in
    if clash != null then
      helper.fail (
        "${quote (builtins.head clash).model} and ${quote second.model} are both ${second.name} for Ollama: keep one, or write "
        + "`integration.ollama.name = \"…\"` with another name where ${quote second.model} is made"
      )
    else
      makeView pkgs (parts // { name = "ollama-models"; });

  /**
    A directory with the files of several models: what `integration.comfyui`, `integration.lmstudio`,
    `integration.triton` or a directory of `integration.directory` has of each. Two files at one path are an error.

    # Type

    ```
    mkDirectory :: Pkgs -> { models :: [Derivation] | AttrSet, directory :: String } -> Derivation
    ```

    # Arguments

    pkgs
    : nixpkgs.

    models
    : Models made by `fetchModel`, as a list or an attribute set.

    directory
    : "comfyui", "lmstudio", "triton", or a name in `integration.directory`.

    # Example

    ```nix
    mkDirectory pkgs { models = [ sdxl my-lora ]; directory = "comfyui"; }
    ```
  */
  mkDirectory =
    pkgs:
    assert isNixpkgs "mkDirectory" pkgs;
    given:
    let
      helper = import ./models.nix "mkDirectory";
      inherit
        (helper.withModels {
          directory = {
            type = types.string;
            missing = "write which, as in directory = \"comfyui\"";
          };
        } given)
        models
        directory
        ;
      isKind = builtins.elem directory [
        "comfyui"
        "lmstudio"
        "triton"
      ];
      views =
        if isKind then
          viewsOf helper directory null models
        else
          viewsOf helper "directory" directory models;
      parts = joinedParts views;
      clash = clashOf (
        builtins.concatMap (
          each:
          map (path: {
            key = path;
            inherit (each) unique;
          }) (builtins.attrNames (each.view.parts.texts or { }))
        ) views
      );
    in
    if directory == "ollama" then
      helper.fail "a directory for Ollama is made by another function: write `integration.mkOllamaModels pkgs models`"
    else if directory == "huggingface" then
      helper.fail "a cache is made by another function: write `integration.mkCache pkgs models`"
    else if clash != null then
      let
        second = builtins.elemAt clash 1;
      in
      helper.fail (
        "${quote (builtins.head clash).unique} and ${quote second.unique} both have ${second.key}: write "
        + "`integration.triton.model = \"…\"` with another name where ${quote second.unique} is made"
      )
    else
      makeView pkgs (parts // { name = directory; });
}
