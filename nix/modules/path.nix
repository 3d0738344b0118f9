# Absolute paths of the options.
lib:
let
  parts = path: lib.filter (part: part != "" && part != ".") (lib.splitString "/" path);
  normalize = path: "/" + lib.concatStringsSep "/" (parts path);
in
{
  /**
    A path without what may be left out of it, such as a second `/`.

    # Type

    ```
    normalize :: String -> String
    ```
  */
  inherit normalize;

  /**
    Whether a path is the Nix store, or inside of it.

    # Type

    ```
    isInStore :: String -> Bool
    ```
  */
  isInStore = path: lib.hasPrefix "${builtins.storeDir}/" "${normalize path}/";
}
