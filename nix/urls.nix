# Addresses of servers that may stand in a derivation, where everybody may read them.
let
  letters =
    string: builtins.genList (n: builtins.substring n 1 string) (builtins.stringLength string);

  lower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    letters "abcdefghijklmnopqrstuvwxyz"
  );

  # What signs a request, or stands for a login. The generator has the same rules, net/urls.py.
  secrets = "x-amz-(signature|credential|security-token)|x-goog-(signature|credential)|signature|sig|([a-z]+[-_])?token|api[-_]?key|key|secret|password|auth|jwt";
in
{
  /**
    Whether a string is the http(s) address of a server, without user, password or query.

    # Type

    ```
    isServer :: String -> Bool
    ```
  */
  isServer = text: builtins.match "https?://[^[:space:]/@?#]+(/[^[:space:]@?#]*)?" text != null;

  /**
    Whether a string is the http(s) address of a file, without user or password. It may have a query,
    but see `holdsSecret`.

    # Type

    ```
    isFile :: String -> Bool
    ```
  */
  isFile = text: builtins.match "https?://[^[:space:]/@?#]+/[^[:space:]#]+" text != null;

  /**
    Whether a query has a parameter whose value must be nobody's to read.

    # Type

    ```
    holdsSecret :: String -> Bool
    ```
  */
  holdsSecret = text: builtins.match "[^?]*[?](.*&)?(${secrets})=.*" (lower text) != null;
}
