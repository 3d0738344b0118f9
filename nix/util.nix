# Small functions that the rest of the library shares.
let
  # As `lib.fakeHash` of nixpkgs.
  fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

  # Bytes. Nix matches regular expressions recursively: from about ten times as many on, it can run out of
  # stack and crash.
  maxMatched = 4096;

  # Bytes of a value in a message.
  maxQuoted = 200;

  match =
    pattern: string:
    if builtins.stringLength string <= maxMatched then builtins.match pattern string else null;

  quote =
    string:
    let
      shown =
        if builtins.stringLength string > maxQuoted then
          "${builtins.substring 0 maxQuoted string}…"
        else
          string;
    in
    if match "(.|\n)*(:[/\\]|@(.|\n)*[:/]|[:/](.|\n)*@)(.|\n)*" shown != null then
      "(a URL, which is not shown because it may contain a password)"
    else
      "\"${
        builtins.replaceStrings
          [ "\\" "\"" "\${" "\n" "\r" "\t" ]
          [ "\\\\" "\\\"" "\\\${" "\\n" "\\r" "\\t" ]
          shown
      }\"";

  letters =
    string: builtins.genList (n: builtins.substring n 1 string) (builtins.stringLength string);

  lower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    letters "abcdefghijklmnopqrstuvwxyz"
  );

  # Whether `builtins.toJSON` would write something else for an attribute set than an object.
  collapses =
    value:
    if builtins.isAttrs value then
      value ? outPath || value ? __toString || builtins.any collapses (builtins.attrValues value)
    else
      builtins.isList value && builtins.any collapses value;

  toJSONLike = names: if collapses names then plainJSON else builtins.toJSON;

  # As `builtins.toJSON` writes it, with an object for each attribute set.
  plainJSON =
    value:
    if builtins.isAttrs value then
      "{${
        builtins.concatStringsSep "," (
          map (name: "${builtins.toJSON name}:${plainJSON value.${name}}") (builtins.attrNames value)
        )
      }}"
    else if builtins.isList value then
      "[${builtins.concatStringsSep "," (map plainJSON value)}]"
    else
      builtins.toJSON value;
in
{
  /**
    The first element that is not null, or null.

    # Type

    ```
    firstOf :: [a | Null] -> a | Null
    ```
  */
  firstOf =
    values:
    let
      found = builtins.filter (value: value != null) values;
    in
    if found == [ ] then null else builtins.head found;

  /**
    As `builtins.match`, but a string of more than 4096 bytes matches nothing.

    # Type

    ```
    match :: String -> String -> [String | Null] | Null
    ```
  */
  inherit match;

  /**
    The characters of a string, which must be ASCII.

    # Type

    ```
    letters :: String -> [String]
    ```
  */
  inherit letters;

  /**
    A string in lower case, as far as it is ASCII.

    # Type

    ```
    lower :: String -> String
    ```
  */
  inherit lower;

  /**
    A name of an attribute in lower case and without punctuation, to recognise other spellings.

    # Type

    ```
    plainName :: String -> String
    ```
  */
  plainName = name: builtins.replaceStrings [ "-" "_" "." " " ] [ "" "" "" "" ] (lower name);

  /**
    A string as it is written in Nix, on one line, for messages. A long one is cut off, and what may be a
    URL with a password is not shown: people paste `https://user:token@huggingface.co/org/name` where a
    name belongs.

    # Type

    ```
    quote :: String -> String
    ```
  */
  inherit quote;

  /**
    JSON in which each attribute set is an object, whatever its attributes are called: files may be named
    `outPath` or `__toString`, which `builtins.toJSON` takes for the value of the whole set. Other
    attribute sets have the same text as from `builtins.toJSON`.

    # Type

    ```
    toJSON :: a -> String
    ```
  */
  toJSON = value: toJSONLike value value;

  /**
    The same for many values. The first argument has all names that attributes in them may have.

    # Type

    ```
    toJSONLike :: a -> b -> String
    ```
  */
  inherit toJSONLike;

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
    else if match "sha256-[0-9A-Za-z+/]{43}=" hash == null then
      fail "`${where} = ${quote hash}` is not an SRI hash: write sha256-<44 characters>, or \"\" to have Nix report it"
    else
      hash;
}
