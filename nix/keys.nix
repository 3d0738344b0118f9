# Attribute sets that callers write by hand: a misspelt name must not be passed over.
fail: {
  /**
    Returns `value` if `attrs`, which stand at `where`, have no names but the known ones.

    # Type

    ```
    check :: String -> [String] -> AttrSet -> a -> a
    ```
  */
  check =
    where: known: attrs: value:
    let
      unknown = builtins.filter (name: !(builtins.elem name known)) (builtins.attrNames attrs);
    in
    if unknown == [ ] then
      value
    else
      fail "`${where}.${builtins.head unknown}` is not known; there is: ${builtins.concatStringsSep ", " known}";
}
