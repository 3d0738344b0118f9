# Which licences are unfree for nixpkgs. A licence is a value for `meta.license` of a package, or a name as
# on the Hub: SPDX, in lower case.
lib:
let
  # The Hub has names of families, too.
  families = [
    "bsd"
    "gfdl"
    "gpl"
    "lgpl"
  ];

  # The Hub uses the older SPDX names of GNU licences.
  spellings =
    license:
    let
      name = lib.toLower license.spdxId;
    in
    lib.optionals (license ? spdxId && license.free or true) [
      name
      (lib.removeSuffix "-only" name)
    ];

  freeNames = lib.genAttrs (families ++ lib.concatMap spellings (lib.attrValues lib.licenses)) (
    _name: true
  );

  isUnfree =
    license:
    if builtins.isList license then
      lib.any isUnfree license
    else if builtins.isAttrs license then
      !(license.free or true)
    else
      !(freeNames ? ${lib.toLower license});

  nameOf =
    license:
    if builtins.isList license then
      lib.concatMapStringsSep ", " nameOf license
    else if builtins.isAttrs license then
      license.spdxId or license.shortName or license.fullName or "unknown"
    else
      license;
in
{
  /**
    Whether a licence is unfree. One that is not known to be free counts as unfree.

    # Type

    ```
    isUnfree :: String | AttrSet | [String | AttrSet] -> Bool
    ```
  */
  inherit isUnfree;

  /**
    The name of a licence in messages.

    # Type

    ```
    nameOf :: String | AttrSet | [String | AttrSet] -> String
    ```
  */
  inherit nameOf;
}
