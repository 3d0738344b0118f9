# Names for the store. The generator has a twin, generator/aimodels_gen/names.py, because it puts
# tree pins into the store under the name that the derivation will ask for; tests compare the two.
let
  # What is left of a store name (at most 211 characters) beside ".drv".
  maxLength = 207;

  dropDots =
    string:
    if builtins.substring 0 1 string == "." then
      dropDots (builtins.substring 1 (builtins.stringLength string) string)
    else
      string;

  # The last `length` characters, because an extension says more than a beginning.
  lastOf =
    length: string:
    let
      excess = builtins.stringLength string - length;
    in
    if excess > 0 then dropDots (builtins.substring excess length string) else string;

  # Nix refuses derivations of such names.
  notADrv =
    string:
    let
      stem = builtins.substring 0 (builtins.stringLength string - 4) string;
    in
    if string == "${stem}.drv" then "${stem}-drv" else string;

  sanitizeTo =
    length: string:
    let
      parts = builtins.split "[^0-9a-zA-Z+._?=-]+" string;
      joined = builtins.concatStringsSep "" (map (p: if builtins.isString p then p else "-") parts);
      name = lastOf length (notADrv (dropDots joined));
    in
    if name == "" then "unknown" else name;
in
{
  /**
    Turns any string into a name that the store accepts.

    # Type

    ```
    sanitize :: String -> String
    ```
  */
  sanitize = sanitizeTo maxLength;

  /**
    Name of the derivation for one file: its base name, free of repository and revision, so that
    the store shares equal files between models.

    # Type

    ```
    fileName :: String -> String
    ```
  */
  fileName = path: sanitizeTo maxLength (baseNameOf path);

  /**
    Name of the derivation for a tree pin. It carries seven digits of a hash of where the tree
    comes from: a changed source then means another store path, and Nix fetches again even where
    the old hash was left in place.

    # Type

    ```
    treeName :: String -> AttrSet -> String
    ```
  */
  treeName =
    name: identity:
    let
      digest = builtins.hashString "sha256" (builtins.toJSON identity);
    in
    "${sanitizeTo (maxLength - 8) name}-${builtins.substring 0 7 digest}";
}
