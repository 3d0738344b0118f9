# Hashes as Nix wants them.
lib: fail: {
  /**
    Checks a hash that was given at `where`; "" becomes the fake hash, which makes Nix name the
    right one.

    # Type

    ```
    sri :: String -> String -> String
    ```
  */
  sri =
    where: hash:
    if hash == "" then
      lib.fakeHash
    else if builtins.match "sha256-[0-9A-Za-z+/]{43}=" hash == null then
      fail "`${where} = \"${hash}\"` is not an SRI hash: write sha256-<44 characters>, or \"\" to be told it"
    else
      hash;
}
