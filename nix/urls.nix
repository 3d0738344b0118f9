# Which URLs may be part of a derivation, which everybody can read.
let
  inherit (import ./util.nix) match;

  letters =
    string: builtins.genList (n: builtins.substring n 1 string) (builtins.stringLength string);

  lower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    letters "abcdefghijklmnopqrstuvwxyz"
  );

  # Parameters that sign a request or replace a login. fetcher/aimodels_fetcher/urls.py has the same.
  secrets = "x-amz-(signature|credential|security-token)|x-goog-(signature|credential)|signature|sig|([a-z]+[-_])?token|api[-_]?key|key|secret|password|auth|jwt";
in
{
  /**
    Whether a string is the http(s) URL of a server, without user, password or query.

    # Type

    ```
    isServer :: String -> Bool
    ```
  */
  isServer = text: match "https?://[^[:space:]/@?#]+(/[^[:space:]@?#]*)?" text != null;

  /**
    Whether a string is the http(s) URL of a file, without user or password. It may have a query; see
    `hasSecret`.

    # Type

    ```
    isFile :: String -> Bool
    ```
  */
  isFile = text: match "https?://[^[:space:]/@?#]+/[^[:space:]#]+" text != null;

  /**
    Whether the query of a URL has a parameter whose value must stay secret.

    # Type

    ```
    hasSecret :: String -> Bool
    ```
  */
  hasSecret = text: match "[^?]*[?](.*&)?(${secrets})=.*" (lower text) != null;
}
