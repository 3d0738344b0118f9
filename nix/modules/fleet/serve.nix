# `services.ai-models.fleet.serve`: a machine that keeps what others read from a binary cache, with nginx.
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
  nginx = config.services.nginx;

  # Scheme, host, port and directory.
  origin =
    builtins.match "(https?)://([0-9A-Za-z._-]+|\\[[0-9A-Fa-f:]+])(:[0-9]+)?((/[0-9A-Za-z._~-]+)*)/*"
      cfg.origin;
  scheme = lib.elemAt origin 0;
  host = lib.elemAt origin 1;
  hostAndPort = host + (if lib.elemAt origin 2 == null then "" else lib.elemAt origin 2);
  prefix = lib.elemAt origin 3;
  url = "${scheme}://${hostAndPort}${prefix}";

  # nginx looks a name in a variable up again when an answer expires, and another name only when it starts.
  resolved = cfg.resolvers != [ ];
  enableIPv6 = config.networking.enableIPv6 or true;

  directory = normalize cfg.directory;
  # NixOS makes this one for nginx.
  isOwn = lib.hasPrefix "/var/cache/nginx/" "${directory}/";

  # systemd expands what follows a single `%`.
  quoted = "\"${lib.escape [ "\\" "\"" ] (lib.replaceStrings [ "%" ] [ "%%" ] directory)}\"";

  slices = "--with-http_slice_module";

  location = pattern: extraConfig: {
    name = "~ \"^/(?<ai_models_path>${pattern})$\"";
    value = {
      proxyPass =
        "${scheme}://${if resolved then "$ai_models_origin" else hostAndPort}${prefix}/"
        + "$ai_models_path$is_args$args";
      # Its headers would replace ours.
      recommendedProxySettings = false;
      inherit extraConfig;
    };
  };

  problems =
    lib.optional (origin == null) (
      "${path}.origin = ${shown cfg.origin} is not the URL of a binary cache: write one like "
      + "https://cache.example.org, without user, password or query; for a bucket, its https URL"
    )
    ++ lib.concatLists (
      lib.mapAttrsToList
        (
          option: value:
          lib.optional (builtins.match "[1-9][0-9]{0,8}[KMGkmg]" value == null) (
            "${path}.${option} = ${shown value} is not a size: write a number with K, M or G, such as \"500G\""
          )
        )
        {
          inherit (cfg) keepFree size sliceSize;
        }
    )
    ++
      lib.optional
        (
          isInStore directory
          || builtins.match "(/+[0-9A-Za-z._+-]+)+/*" cfg.directory == null
          || lib.elem ".." (lib.splitString "/" directory)
        )
        (
          "${path}.directory = ${shown cfg.directory} cannot be the directory of the cache: write an absolute "
          + "path of letters, digits, . _ + and -, without `..`, outside of the Nix store"
        )
    ++ lib.optional
      (lib.any (home: lib.hasPrefix home "${directory}/") [
        "/home/"
        "/root/"
        "/run/user/"
      ])
      (
        "${path}.directory = ${shown cfg.directory} is a directory of users, which nginx cannot open on NixOS: "
        + "write one such as \"/srv/ai-models-cache\""
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
      default = "4G";
      description = "How much of the file system stays free, even if `size` allows more.";
    };

    sliceSize = mkOption {
      type = types.str;
      default = "8M";
      description = ''
        The size of the parts in which files are downloaded and kept. If a download is interrupted, at most one
        part is downloaded again. Machines that read the same part at the same time wait until it is complete.
      '';
    };

    resolvers = mkOption {
      type = types.listOf types.str;
      default =
        if config.services.resolved.enable or false then
          [ "127.0.0.53" ]
        else
          map (address: if lib.hasInfix ":" address then "[${address}]" else address) (
            config.networking.nameservers or [ ]
          );
      defaultText = lib.literalMD "systemd-resolved if it is enabled, else `networking.nameservers`";
      example = [ "10.0.0.53" ];
      description = ''
        The name servers that nginx asks for the address of the origin, whenever an answer expires. If there are
        none, it looks the address up when it starts, and does not start if that fails.
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

      commonHttpConfig = ''
        proxy_cache_path ${directory} levels=1:2 keys_zone=ai-models:64m inactive=10y use_temp_path=off
          max_size=${cfg.size} min_free=${cfg.keepFree};
      '';

      virtualHosts.ai-models = mkIf (origin != null) {
        listen = map (addr: {
          inherit addr;
          inherit (cfg) port;
        }) cfg.addresses;
        locations = {
          "/".return = "404";
        }
        // lib.listToAttrs [
          (location "nar/[0-9A-Za-z+._=/-]+" ''
            slice ${cfg.sliceSize};
            proxy_cache_valid 200 206 10y;
          '')
          (location
            "nix-cache-info|[0-9a-z]{32}[.](ls|narinfo)|(debuginfo|log|realisations)/[0-9A-Za-z!+._:-]+"
            ''
              # Signatures can be added, and what is missing may be there soon.
              proxy_cache_valid 200 10m;
              proxy_cache_valid 403 404 10s;
            ''
          )
        ];
        extraConfig = ''
          if ($request_method !~ "^(GET|HEAD)$") {
            return 405;
          }

          proxy_cache ai-models;
          proxy_cache_key ${url}/$ai_models_path$is_args$args$slice_range;
          # One request for what several machines ask for at once: the others wait for its answer.
          proxy_cache_lock on;
          proxy_cache_lock_age 5m;
          proxy_cache_lock_timeout 10m;
          proxy_cache_use_stale error timeout invalid_header http_429 http_500 http_502 http_503 http_504;
          # Content has its hash for a name and never changes, whatever the origin says.
          proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Buffering X-Accel-Charset
            X-Accel-Expires X-Accel-Limit-Rate X-Accel-Redirect;
          # They can differ between servers of one origin. nginx refuses slices that do.
          proxy_hide_header ETag;
          proxy_hide_header Last-Modified;

          # No credentials pass, in either direction.
          proxy_hide_header Set-Cookie;
          proxy_pass_request_body off;
          proxy_pass_request_headers off;
          proxy_set_header Connection close;
          proxy_set_header Host ${hostAndPort};
          proxy_set_header Range $slice_range;
          proxy_set_header User-Agent nix-ai-models;

          proxy_http_version 1.1;
          proxy_connect_timeout 5s;
          proxy_read_timeout 60s;
          proxy_buffers 16 64k;
          ${lib.optionalString resolved ''
            resolver ${toString cfg.resolvers}${lib.optionalString (!enableIPv6) " ipv6=off"};
            set $ai_models_origin "${hostAndPort}";
          ''}
          ${lib.optionalString (scheme == "https") ''
            proxy_ssl_name ${host};
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_ssl_server_name on;
            proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
            proxy_ssl_verify on;
            proxy_ssl_verify_depth 5;
          ''}
          sendfile on;
          tcp_nopush on;
          # A slow disk does not hold up other connections.
          aio threads;
          aio_write on;
        '';
      };
    };

    networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall [ cfg.port ];

    systemd.tmpfiles.rules = mkIf (!isOwn) [ "d ${quoted} 0750 ${nginx.user} ${nginx.group} - -" ];

    systemd.services.nginx = {
      # Without resolvers, nginx has to find the origin when it starts.
      after = mkIf (!resolved) [ "network-online.target" ];
      wants = mkIf (!resolved) [ "network-online.target" ];
      unitConfig = mkIf (!isOwn) { RequiresMountsFor = quoted; };
      serviceConfig = mkIf (!isOwn) { ReadWritePaths = [ directory ]; };
    };
  };
}
