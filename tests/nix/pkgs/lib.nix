# The functions of nixpkgs' lib that the library, the flake and the modules' licences use.
let
  letters =
    string: builtins.genList (n: builtins.substring n 1 string) (builtins.stringLength string);
in
{
  inherit (builtins) any attrValues concatMap;

  concatMapStringsSep =
    separator: function: list:
    builtins.concatStringsSep separator (map function list);

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

  getName =
    package: package.pname or (builtins.parseDrvName (package.name or package)).name;

  hasPrefix = prefix: string: builtins.substring 0 (builtins.stringLength prefix) string == prefix;

  licenses =
    builtins.mapAttrs
      (
        shortName: license:
        {
          inherit shortName;
          licenseType = "simple";
          free = true;
        }
        // license
      )
      {
        asl20.spdxId = "Apache-2.0";
        gpl2Only.spdxId = "GPL-2.0-only";
        mit.spdxId = "MIT";
        unfree = {
          free = false;
          fullName = "Unfree";
        };
      };

  optionalString = condition: string: if condition then string else "";

  optionals = condition: list: if condition then list else [ ];

  removeSuffix =
    suffix: string:
    let
      length = builtins.stringLength string - builtins.stringLength suffix;
    in
    if length >= 0 && builtins.substring length (-1) string == suffix then
      builtins.substring 0 length string
    else
      string;

  toLower = builtins.replaceStrings (letters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    letters "abcdefghijklmnopqrstuvwxyz"
  );
}
