# Which URLs may be part of a derivation, which everybody can read.
let
  inherit (builtins)
    concatLists
    concatStringsSep
    genList
    isString
    replaceStrings
    split
    stringLength
    ;
  inherit (import ./util.nix) letters lower match;

  # fetcher/aimodels_fetcher/urls.py has the same rules, from here to the end.
  host = "([0-9A-Za-z._-]+|\\[[0-9A-Fa-f:.]+])(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?";
  isShort = text: stringLength text <= 4096;

  # Names of parameters that sign a request or stand for a login, in lower case: without what is neither
  # letter nor digit, and with hyphens in the place of that.
  secret = ".*(secret|token|passw|passphrase|passcode|passkey|pwd|credential|signature|cookie|session|sessid|jwt|bearer|hmac|assertion|oauth|authent|authoriz|authoris|(api|access|account|app|auth|client|consumer|function|license|licence|master|private|rl|shared|sign|signing|storage|subscription|user)key|(access|auth|invite|security|verification)code).*|.*(sig|pass|auth)[0-9]*|code";
  secretWord = "(.*-)?(auth|cred|creds|key|otp|pin|pw|sas|sid|sig|sign|signed|totp)[0-9]*(-.*)?";
  mostDecodings = 8;

  # Percent-encoded printable ASCII characters, in lower case.
  printable = letters " !\"#$%&'()*+,-./0123456789:;<=>?@abcdefghijklmnopqrstuvwxyz[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
  codes = concatLists (
    map (high: map (low: "%${high}${low}") (letters "0123456789abcdef")) (letters "234567")
  );
  decodeOnce = replaceStrings (genList (builtins.elemAt codes) (builtins.length printable)) printable;

  # Null where it is encoded too often.
  decode =
    count: text:
    let
      decoded = decodeOnce text;
    in
    if decoded == text then
      text
    else if count == 1 then
      null
    else
      decode (count - 1) decoded;

  # Replaces what the pattern matches.
  substitute =
    pattern: by: text:
    concatStringsSep "" (map (part: if isString part then part else by) (split pattern text));

  isSecret =
    name:
    let
      plain = substitute "%[0-9a-f][0-9a-f]" "" name;
    in
    match secret (substitute "[^a-z0-9]" "" plain) != null
    || match secretWord (substitute "[^a-z0-9]" "-" plain) != null;

  # The name of a parameter; null where there is no value.
  nameOf = parameter: match "([^=]*)=.*" parameter;
in
{
  /**
    Whether a string is the http(s) URL of a server, without user, password or query.

    # Type

    ```
    isServer :: String -> Bool
    ```
  */
  isServer =
    text:
    isShort text && match "https?://${host}(/[^[:space:][:cntrl:]\\@?#]*)?" text != null;

  /**
    Whether a string is the http(s) URL of a file, without user, password or fragment. It may have a
    query; see `hasQuery` and `hasSecret`.

    # Type

    ```
    isFile :: String -> Bool
    ```
  */
  isFile = text: isShort text && match "https?://${host}/[^[:space:][:cntrl:]\\#]+" text != null;

  /**
    Whether a URL has a query, which may contain a secret under any name.

    # Type

    ```
    hasQuery :: String -> Bool
    ```
  */
  hasQuery = text: match "[^?]*[?].*" text != null;

  /**
    Whether a URL has a parameter whose value must stay secret, by its name. Parameters begin after `?`,
    `&` and `;`, also where these are percent-encoded.

    # Type

    ```
    hasSecret :: String -> Bool
    ```
  */
  hasSecret =
    text:
    let
      decoded = decode mostDecodings (lower text);
      parts = builtins.filter isString (split "[?&;]" decoded);
      names = builtins.filter (name: name != null) (map nameOf (builtins.tail parts));
    in
    decoded == null || builtins.any (name: isSecret (builtins.head name)) names;
}
