# The argument `models` of the helpers: a list or an attribute set of models made by `fetchModel`.
function:
let
  fail = message: throw "nix-ai-models: integration.${function}: ${message}";

  listed =
    models:
    if builtins.isList models then
      builtins.genList (
        index:
        let
          model = builtins.elemAt models index;
        in
        {
          name = model.name or "number ${toString (index + 1)}";
          inherit model;
        }
      ) (builtins.length models)
    else if builtins.isAttrs models && models.type or null != "derivation" then
      map (name: {
        inherit name;
        model = models.${name};
      }) (builtins.attrNames models)
    else
      fail "`models` must be a list or an attribute set of models made by `fetchModel`; for a single one, write `[ model ]`";

  entry =
    { name, model }@given:
    if model ? hfCachePath then
      given
    else if model ? snapshotPath then
      fail "model \"${name}\" is not a cache entry because of `integration.huggingface.enable = false`: remove that, or leave the model out and pass its path to programs (`integration.getModelPath`)"
    else
      fail "\"${name}\" was not made by `fetchModel`: it has no `hfCachePath`";

  unique =
    cacheName: given:
    let
      first = builtins.head given;
      others = builtins.filter (other: "${other.model}" != "${first.model}") given;
    in
    if others == [ ] then
      first.model
    else
      fail "\"${first.name}\" and \"${(builtins.head others).name}\" are both ${cacheName} in the cache: keep one, or rename them with `integration.huggingface = { org = \"…\"; model = \"…\"; }`";
in
{
  /**
    Throws a message with the name of the helper before it.

    # Type

    ```
    fail :: String -> a
    ```
  */
  inherit fail;

  /**
    The models by their names in the cache. Two different models with one name are an error.

    # Type

    ```
    byCacheName :: [Derivation] | AttrSet -> AttrSet
    ```
  */
  byCacheName =
    models:
    builtins.mapAttrs unique (
      builtins.groupBy (given: given.model.hfCachePath) (map entry (listed models))
    );

  /**
    The form of a model that stores nothing twice and links to other store paths.

    # Type

    ```
    linked :: Derivation -> Derivation
    ```
  */
  linked = model: model.linked or model;

  /**
    The form of a model that is complete without other store paths.

    # Type

    ```
    copied :: Derivation -> Derivation
    ```
  */
  copied = model: model.copied or model;
}
