/**
  The NixOS module of `services.ai-models.fleet.serve`: a machine that keeps what others read from a binary cache,
  with nginx.
*/
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  inherit (import ../path.nix lib) isInStore normalize;
  path = "services.ai-models.fleet.serve";
  cfg = config.services.ai-models.fleet.serve;
  inherit (config.services) nginx;

  # Scheme, host, port and directory.
  origin =
    builtins.match "(https?)://([0-9A-Za-z._-]+|\\[[0-9A-Fa-f:]+])(:[0-9]+)?((/[0-9A-Za-z._~-]+)*)/*"
      cfg.origin;
  scheme = lib.elemAt origin 0;
  host = lib.elemAt origin 1;
  hostAndPort = host + (if lib.elemAt origin 2 == null then "" else lib.elemAt origin 2);
  prefix = lib.elemAt origin 3;

  enableIPv6 = config.networking.enableIPv6 or true;

  directory = normalize cfg.directory;
  # NixOS makes this one for nginx.
  isOwn = lib.hasPrefix "/var/cache/nginx/" "${directory}/";

  # systemd expands what follows a single `%`.
  quoted = "\"${lib.escape [ "\\" "\"" ] (lib.replaceStrings [ "%" ] [ "%%" ] directory)}\"";

  sizes = [
    "keepFree"
    "size"
    "sliceSize"
  ];

  slices = "--with-http_slice_module";

  # Between the two servers of ./nginx.nix, in the directory that NixOS makes for nginx.
  socket = "/run/nginx/ai-models.sock";

  text = import ./nginx.nix {
    inherit
      lib
      scheme
      host
      hostAndPort
      prefix
      directory
      socket
      enableIPv6
      ;
    inherit (cfg)
      keepFree
      resolvers
      size
      sliceSize
      ;
  };

  isDirectory =
    builtins.match "(/+[0-9A-Za-z._+-]+)+/*" cfg.directory != null
    && !(lib.elem ".." (lib.splitString "/" directory))
    && !(isInStore directory);

  isOfUsers = lib.any (home: lib.hasPrefix home "${directory}/") [
    "/home/"
    "/root/"
    "/run/user/"
  ];

  isAddress = builtins.match "[0-9.]+|\\[.*" host != null;

  problems =
    lib.optional (origin == null) (
      "${path}.origin = ${shown cfg.origin} is not the URL of a binary cache: write one like "
      + "https://cache.example.org, without user, password or query; for a bucket, its https URL"
    )
    ++ lib.concatMap (
      option:
      lib.optional (builtins.match "[1-9][0-9]{0,8}[KMGkmg]" cfg.${option} == null) (
        "${path}.${option} = ${shown cfg.${option}} is not a size: write a number with K, M or G, such as \"500G\""
      )
    ) sizes
    ++ lib.optional (!isDirectory) (
      "${path}.directory = ${shown cfg.directory} cannot be the directory of the cache: write an absolute "
      + "path of letters, digits, . _ + and -, without `..`, outside of the Nix store"
    )
    ++ lib.optional isOfUsers (
      "${path}.directory = ${shown cfg.directory} is a directory of users, which nginx cannot open on NixOS: "
      + "write one such as \"/srv/ai-models-cache\""
    )
    ++ lib.optional (origin != null && scheme == "https" && isAddress) (
      "${path}.origin = ${shown cfg.origin} has an address for a name, for which nginx verifies no certificate: "
      + "write the name that is in the certificate, such as https://cache.example.org"
    )
    # A package without these flags is not nixpkgs' nginx.
    ++ lib.optional (!(lib.elem slices (nginx.package.configureFlags or [ slices ]))) (
      "${path} needs an nginx with the slice module, and `services.nginx.package` has none: write "
      + "`services.nginx.package = pkgs.nginxStable.override { withSlice = true; };`"
    );

  shown = (import ../../util.nix).quote;
in
{
  options.services.ai-models.fleet.serve = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether this machine is a cache for others, such as those of a rack. nginx passes requests on to a binary
        cache and keeps the answers: however many machines read a file, it is downloaded once.
      '';
    };

    origin = mkOption {
      type = types.str;
      example = "https://cache.example.org";
      description = ''
        The URL of the binary cache, or of the bucket that contains it. It must support ranges, as S3 and all
        servers of files do. The certificate of an `https` URL is verified. Credentials are not passed on: the
        cache must let this machine read without.
      '';
    };

    addresses = mkOption {
      type = types.listOf types.str;
      default = [ "0.0.0.0" ] ++ lib.optional enableIPv6 "[::]";
      defaultText = lib.literalExpression ''[ "0.0.0.0" ] ++ lib.optional config.networking.enableIPv6 "[::]"'';
      example = [ "10.0.0.1" ];
      description = "The addresses at which nginx listens; those of IPv6 in brackets.";
    };

    port = mkOption {
      type = types.port;
      default = 8080;
      description = "The port at which nginx listens, with plain HTTP.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to open the port in the firewall.";
    };

    directory = mkOption {
      type = types.str;
      default = "/var/cache/nginx/ai-models";
      example = "/srv/ai-models-cache";
      description = ''
        The directory of the cache. It is made if it does not exist, and belongs to the user of nginx.
      '';
    };

    size = mkOption {
      type = types.str;
      example = "500G";
      description = ''
        How much is kept: what was not read for the longest time is removed first. nginx looks every 10 seconds,
        so for that long the cache can be larger.
      '';
    };

    keepFree = mkOption {
      type = types.str;
      default = "16G";
      description = ''
        How much of the file system stays free, even if `size` allows more. When it is full, downloads break until
        nginx looks again. Set at least what arrives in 10 seconds: 12G for 10 Gbit/s, 32G for 25 Gbit/s.
      '';
    };

    sliceSize = mkOption {
      type = types.str;
      default = "32M";
      description = ''
        The size of the parts in which files are downloaded and kept. If a connection to the origin breaks, at
        most one part is downloaded again. Machines wait until a part is complete: set less if the origin is
        slower than 100 Mbit/s. nginx needs 30 kB of memory for each part of each file that is being read.
      '';
    };

    resolvers = mkOption {
      type = types.listOf types.str;
      default =
        if config.services.resolved.enable or false then
          [ "127.0.0.53" ]
        else
          map (
            each:
            let
              # Without the name for its certificate.
              address = lib.head (lib.splitString "#" each);
            in
            if lib.hasInfix ":" address then "[${address}]" else address
          ) (config.networking.nameservers or [ ]);
      defaultText = lib.literalMD "systemd-resolved if it is enabled, else `networking.nameservers`";
      example = [ "10.0.0.53" ];
      description = ''
        The name servers that nginx asks for the address of the origin, whenever an answer expires. With `[ ]`,
        nginx looks the address up when it starts, also in `/etc/hosts`, and does not start if that fails.
      '';
    };
  };

  config = mkIf cfg.enable {
    assertions = map (message: {
      assertion = false;
      inherit message;
    }) problems;

    services.nginx = {
      enable = true;
      package = lib.mkDefault (pkgs.nginxStable.override { withSlice = true; });

      # Each download of a node takes four connections. Definitions of other modules replace these.
      appendConfig = lib.mkDefault "worker_processes auto;";
      eventsConfig = lib.mkDefault "worker_connections 16384;";
      commonHttpConfig = mkIf (origin != null) text.http;

      virtualHosts.ai-models = mkIf (origin != null) {
        listen = map (addr: {
          inherit addr;
          inherit (cfg) port;
        }) cfg.addresses;
        inherit (text) extraConfig;
        locations = lib.mapAttrs (_location: extraConfig: { inherit extraConfig; }) text.locations;
      };
    };

    networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall [ cfg.port ];

    systemd.tmpfiles.rules = mkIf (!isOwn) [ "d ${quoted} 0750 ${nginx.user} ${nginx.group} - -" ];

    systemd.services.nginx = {
      # Without resolvers, nginx has to find the origin when it starts.
      after = mkIf (cfg.resolvers == [ ]) [ "network-online.target" ];
      wants = mkIf (cfg.resolvers == [ ]) [ "network-online.target" ];
      unitConfig = mkIf (!isOwn) { RequiresMountsFor = quoted; };
      serviceConfig = {
        LimitNOFILE = lib.mkDefault 65536;
        ReadWritePaths = mkIf (!isOwn) [ directory ];
      };
    };
  };
}
