# Which licences nixpkgs would call unfree. A licence is what `meta.license` of a package takes, or a
# name as the Hub has it: SPDX, in lower case.
lib:
let
  # The Hub names families, too.
  families = [
    "bsd"
    "gfdl"
    "gpl"
    "lgpl"
  ];

  # The Hub names GNU licences as SPDX did once.
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
    Whether a licence is unfree. What nobody knows to be free is not.

    # Type

    ```
    isUnfree :: String | AttrSet | [String | AttrSet] -> Bool
    ```
  */
  inherit isUnfree;

  /**
    What to call it in a message.

    # Type

    ```
    nameOf :: String | AttrSet | [String | AttrSet] -> String
    ```
  */
  inherit nameOf;
}
