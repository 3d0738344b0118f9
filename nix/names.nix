# Names of cache entries and of store paths. generator/aimodels_gen/nix/store_path.py has the same rules,
# because the generator adds tree pins to the store under the name of their derivation; tests compare the
# two.
let
  inherit (import ./util.nix) match toJSON;

  # The maximum of a store name (211 characters) less ".drv".
  maxLength = 207;

  # Bytes at the end of a string that a name is made of. Nix can run out of stack on a much longer one.
  maxRead = 4096;

  dropDots =
    string:
    if builtins.substring 0 1 string == "." then
      dropDots (builtins.substring 1 (builtins.stringLength string) string)
    else
      string;

  # The last `length` characters, which keep the extension.
  lastOf =
    length: string:
    let
      excess = builtins.stringLength string - length;
    in
    if excess > 0 then dropDots (builtins.substring excess length string) else string;

  # Nix refuses derivations with such names.
  notADrv =
    string:
    let
      stem = builtins.substring 0 (builtins.stringLength string - 4) string;
    in
    if string == "${stem}.drv" then "${stem}-drv" else string;

  sanitizeTo =
    length: string:
    let
      excess = builtins.stringLength string - maxRead;
      read = if excess > 0 then builtins.substring excess maxRead string else string;
      parts = builtins.split "[^0-9a-zA-Z+._?=-]+" read;
      joined = builtins.concatStringsSep "" (map (p: if builtins.isString p then p else "-") parts);
      name = lastOf length (notADrv (dropDots joined));
    in
    if name == "" then "unknown" else name;

  # Most names of files are as the store accepts them. Nothing else is evaluated for these.
  isName =
    text:
    builtins.stringLength text <= maxLength
    && builtins.match "[0-9a-zA-Z+_?=-][0-9a-zA-Z+._?=-]*" text != null
    && builtins.match ".*[.]drv" text == null;

  isRepoPart =
    text:
    match "[0-9A-Za-z_]([0-9A-Za-z_.-]{0,94}[0-9A-Za-z_])?" text != null
    && match ".*([.][.]|--).*" text == null;
in
{
  /**
    Name of the directory in which huggingface_hub keeps a repository, below `hub/`.

    # Type

    ```
    mkCacheName :: { org :: String | Null ? null, model :: String, repoType :: String ? "model" } -> String
    ```
  */
  mkCacheName =
    {
      org ? null,
      model,
      repoType ? "model",
    }:
    "${repoType}s--${if org == null then "" else "${org}--"}${model}";

  /**
    Whether a string can be the organisation or the name of a repository, as huggingface_hub checks it.

    # Type

    ```
    isRepoPart :: String -> Bool
    ```
  */
  inherit isRepoPart;

  /**
    The line that gives a model another name in caches than those that are taken.

    # Type

    ```
    renaming :: [String] -> String -> String -> String
    ```

    # Arguments

    taken
    : Names of entries, as `mkCacheName` returns them.

    cacheName
    : The name that the model has.

    name
    : What the model is called elsewhere.
  */
  renaming =
    taken: cacheName: name:
    let
      parts = match "([a-z]+)--((.+)--)?.+" cacheName;
      own = builtins.elemAt parts 2;
      org = if own == null then "my-org" else own;
      plain = sanitizeTo maxLength name;
      base = if isRepoPart plain then plain else "my-model";
      find =
        number:
        let
          model = if number == 1 then base else "${base}-${toString number}";
        in
        if builtins.elem "${builtins.head parts}--${org}--${model}" taken then
          find (number + 1)
        else
          model;
    in
    "integration.huggingface = { org = \"${org}\"; model = \"${find 1}\"; };";

  /**
    Turns any string into a name that the store accepts.

    # Type

    ```
    sanitize :: String -> String
    ```
  */
  sanitize = sanitizeTo maxLength;

  /**
    Name of the derivation for one file: its base name, without repository and revision, so that the
    store shares equal files between models.

    # Type

    ```
    fileName :: String -> String
    ```
  */
  fileName =
    path:
    let
      name = baseNameOf path;
    in
    if isName name then name else sanitizeTo maxLength name;

  /**
    Name of the derivation for a tree pin, with seven digits of the hash of its source: a changed source
    changes the store path, and Nix fetches again even if the old hash was not replaced.

    # Type

    ```
    treeName :: String -> AttrSet -> String
    ```
  */
  treeName =
    name: identity:
    let
      # As newer releases of Nix write these characters.
      text = builtins.replaceStrings [ "\\u0008" "\\u000c" ] [ "\\b" "\\f" ] (toJSON identity);
      digest = builtins.hashString "sha256" text;
    in
    "${sanitizeTo (maxLength - 8) name}-${builtins.substring 0 7 digest}";
}
