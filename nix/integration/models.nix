# The argument `models` of the helpers: a list or an attribute set of what `fetchModel` gave.
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
      fail "`models` is a list or an attribute set of what `fetchModel` gave; for a single one, write `[ model ]`";

  entry =
    { name, model }@given:
    if model ? hfCachePath then
      given
    else if model ? snapshotPath then
      fail "model \"${name}\" is no cache entry, because of `integration.huggingface.enable = false`: drop that, or leave the model out and give programs its path (`integration.getModelPath`)"
    else
      fail "\"${name}\" is not what `fetchModel` gave: it has no `hfCachePath`";

  only =
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
  inherit fail;

  /**
    The models by their names in the cache, of which each is there once.

    # Type

    ```
    byCacheName :: [Derivation] | AttrSet -> AttrSet
    ```
  */
  byCacheName =
    models:
    builtins.mapAttrs only (
      builtins.groupBy (given: given.model.hfCachePath) (map entry (listed models))
    );

  /**
    The form of a model that takes no second copy, and refers to other store paths.

    # Type

    ```
    linked :: Derivation -> Derivation
    ```
  */
  linked = model: model.linked or model;

  /**
    The form of a model that is whole where no other store path is.

    # Type

    ```
    copied :: Derivation -> Derivation
    ```
  */
  copied = model: model.copied or model;
}
