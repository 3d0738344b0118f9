# Small functions that the rest of the library shares.
let
  # As `lib.fakeHash` of nixpkgs.
  fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
in
{
  /**
    Returns `value` if `attrs` has no other attributes than the known ones, so that a misspelt name is
    reported.

    # Type

    ```
    checkAttrs :: (String -> a) -> String -> [String] -> AttrSet -> a -> a
    ```

    # Arguments

    fail
    : What to do with the message: throws it, or returns it as the result.

    where
    : What the attribute set is called in the message.

    known
    : Names of the attributes that it may have.
  */
  checkAttrs =
    fail: where: known: attrs: value:
    let
      unknown = builtins.filter (name: !(builtins.elem name known)) (builtins.attrNames attrs);
    in
    if unknown == [ ] then
      value
    else
      fail "`${where}.${builtins.head unknown}` is not known; use one of: ${builtins.concatStringsSep ", " known}";

  /**
    The attributes of `attrs` whose names are in the list; all of them if it is null.

    # Type

    ```
    selectAttrs :: [String] | Null -> AttrSet -> AttrSet
    ```
  */
  selectAttrs =
    names: attrs:
    if names == null then
      attrs
    else
      builtins.intersectAttrs (builtins.listToAttrs (
        map (name: {
          inherit name;
          value = null;
        }) names
      )) attrs;

  /**
    Checks an SRI hash that was set at `where`. For "" it returns the fake hash, with which Nix reports
    the right one.

    # Type

    ```
    sri :: (String -> a) -> String -> String -> String | a
    ```
  */
  sri =
    fail: where: hash:
    if hash == "" then
      fakeHash
    else if builtins.match "sha256-[0-9A-Za-z+/]{43}=" hash == null then
      fail "`${where} = \"${hash}\"` is not an SRI hash: write sha256-<44 characters>, or \"\" to have Nix report it"
    else
      hash;
}
