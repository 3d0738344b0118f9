# The functions of nixpkgs' lib that the library and the flake use.
{
  fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

  fetchers.proxyImpureEnvVars = [
    "http_proxy"
    "https_proxy"
    "ftp_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "FTP_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
    "NIX_SSL_CERT_FILE"
  ];

  filterAttrs =
    keep: set:
    removeAttrs set (builtins.filter (name: !(keep name set.${name})) (builtins.attrNames set));

  genAttrs =
    names: make:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = make name;
      }) names
    );

  hasPrefix = prefix: string: builtins.substring 0 (builtins.stringLength prefix) string == prefix;

  licenses.mit = {
    spdxId = "MIT";
    free = true;
  };
}
