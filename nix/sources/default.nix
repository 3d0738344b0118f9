# Source kinds: one file each, named by the attribute under `source`. Each is a function of `fail` and
# its arguments to
#
#   type       the kind, as `passthru.meta.sourceType` gives it
#   org model  names for the cache entry, null where the source has none
#   repo rev   for `passthru.meta`; rev is null until fetched where no commit is pinned
#   repoType   "model", "dataset" or "space"
#   identity   what decides the content, for the names of tree pins
#   spec       the arguments as the bundled fetcher takes them
let
  kinds = {
    huggingface = import ./huggingface.nix;
    s3 = import ./s3.nix;
  };
in
{
  /**
    Checks `source` and turns it into the form above.

    # Type

    ```
    normalise :: (String -> a) -> AttrSet -> AttrSet
    ```

    # Arguments

    fail
    : Throws a message with the name of the model before it.

    source
    : What the caller gave: exactly one attribute, a kind.
  */
  normalise =
    fail: source:
    let
      names = builtins.attrNames source;
      kind = builtins.head names;
      quoted = builtins.concatStringsSep ", " (builtins.attrNames kinds);
    in
    if builtins.length names != 1 then
      fail "`source` must have exactly one attribute (one of: ${quoted}), but has ${toString (builtins.length names)}"
    else if !(kinds ? ${kind}) then
      fail "`source.${kind}` is not a kind of source; there is: ${quoted}"
    else
      kinds.${kind} fail source.${kind};
}
