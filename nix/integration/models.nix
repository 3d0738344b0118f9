# The arguments of the helpers, of which `models` is a list or an attribute set of models made by
# `fetchModel`.
function:
let
  inherit (import ../names.nix) renaming;
  inherit (import ../util.nix) quote;
  types = import ../types;

  fail = message: throw "nix-ai-models: integration.${function}: ${message}";

  arguments = struct: given: types.check fail "" (types.struct struct) given (complete: complete);

  isModel = model: builtins.isAttrs model && model ? outPath;

  listed =
    models:
    if builtins.isList models then
      builtins.genList (
        index:
        let
          model = builtins.elemAt models index;
          # Without the suffix that the name of a tree pin has.
          name = model.pname or model.name or null;
        in
        {
          name = if builtins.isString name then name else "number ${toString (index + 1)}";
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
    if isModel model && model ? hfCachePath then
      given
    else if isModel model && model ? snapshotPath then
      fail "model ${quote name} is not a cache entry because of `integration.huggingface.enable = false`: remove that, or leave the model out and pass its path to programs (`integration.getModelPath`)"
    else
      fail "${quote name} was not made by `fetchModel`: it has no `hfCachePath`";

  unique =
    taken: cacheName: given:
    let
      first = builtins.head given;
      others = builtins.filter (other: "${other.model}" != "${first.model}") given;
      other = builtins.head others;
    in
    if others == [ ] then
      first.model
    else
      fail (
        "${quote first.name} and ${quote other.name} are both ${cacheName} in the cache: keep one, or write "
        + "`${renaming taken cacheName other.name}` where ${quote other.name} is made, and load it by that name"
      );
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
    Checks the arguments of the helper, and returns them with defaults.

    # Type

    ```
    arguments :: { main :: String, fields :: AttrSet } -> AttrSet -> AttrSet
    ```

    # Arguments

    struct
    : What the helper takes, as for `struct` of ../types.

    given
    : What the caller wrote.
  */
  inherit arguments;

  /**
    The same for a helper with the argument `models`, which `byCacheName` checks.

    # Type

    ```
    withModels :: AttrSet -> AttrSet -> AttrSet
    ```

    # Arguments

    fields
    : What else the helper takes.

    given
    : What the caller wrote.
  */
  withModels =
    fields:
    arguments {
      main = "models";
      fields = fields // {
        models = {
          type = types.any;
          missing = "write the models, as in models = [ llama-2-7b ]";
        };
      };
    };

  /**
    The models with their names, each `{ name; model; }`.

    # Type

    ```
    listed :: [Derivation] | AttrSet -> [AttrSet]
    ```
  */
  inherit listed;

  /**
    The path of a model's files. Anything but a model is an error.

    # Type

    ```
    snapshotPath :: Derivation -> String
    ```
  */
  snapshotPath =
    model:
    if isModel model && model ? snapshotPath then
      model.snapshotPath
    else
      fail "the model was not made by `fetchModel`: it has no `snapshotPath`";

  /**
    The models by their names in the cache. Two different models with one name are an error.

    # Type

    ```
    byCacheName :: [Derivation] | AttrSet -> AttrSet
    ```
  */
  byCacheName =
    models:
    let
      entries = builtins.groupBy (given: given.model.hfCachePath) (map entry (listed models));
    in
    builtins.mapAttrs (unique (builtins.attrNames entries)) entries;

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
