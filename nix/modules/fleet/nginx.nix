/**
  The configuration of nginx for `fleet.serve`: a server for the nodes, which puts files together from slices, and
  a server behind it, which downloads slices from the origin and keeps them.

  There are two, because `slice` does not notice that a part breaks off: nodes would get what follows in its place.
  The server behind has all of a slice before it sends any of it.

  # Type

  ```
  nginx :: AttrSet -> { http :: String, extraConfig :: String, locations :: AttrSet }
  ```
*/
{
  lib,
  # The parts of the origin's URL.
  scheme,
  host,
  hostAndPort,
  prefix,
  # Where the cache is, and the socket of the server behind.
  directory,
  socket,
  # The options.
  keepFree,
  resolvers,
  size,
  sliceSize,
  enableIPv6,
}:
let
  # nginx looks a name in a variable up again when an answer expires, and that of an upstream when it starts.
  resolved = resolvers != [ ];
  server =
    if hostAndPort != host then
      hostAndPort
    else if scheme == "https" then
      "${host}:443"
    else
      "${host}:80";

  origin = "${scheme}://${if resolved then "$ai_models_origin" else "ai-models-origin"}${prefix}";
  url = "${scheme}://${hostAndPort}${prefix}";

  # For both servers.
  common = ''
    proxy_cache ai-models;
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
    proxy_set_header User-Agent nix-ai-models;

    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    proxy_read_timeout 60s;
    proxy_buffers 4 64k;
    ${lib.optionalString resolved ''
      resolver ${toString resolvers}${lib.optionalString (!enableIPv6) " ipv6=off"};
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
in
{
  # In the `http` block.
  http = ''
    proxy_cache_path ${directory} levels=1:2 keys_zone=ai-models:64m inactive=10y use_temp_path=off
      max_size=${size} min_free=${keepFree};

    ${lib.optionalString (!resolved) ''
      upstream ai-models-origin {
        server ${server};
      }
    ''}

    # Three attempts for each slice.
    upstream ai-models-slices {
      server unix:${socket} max_fails=0;
      server unix:${socket} max_fails=0;
      server unix:${socket} max_fails=0;
    }

    # Without a server: what is not in the cache by then is an error.
    upstream ai-models-none {
      server unix:${socket}.none;
    }

    server {
      listen unix:${socket};
      access_log off;
      ${common}
      proxy_cache_key ${url}$request_uri$http_range;
      proxy_set_header Range $http_range;

      location / {
        auth_request /fetch;
        proxy_pass http://ai-models-none;
        # An origin without ranges sends all of a file: pass that on as it is.
        max_ranges 0;
      }

      # Ends when all of the slice is in the cache. Its answer is not looked at.
      location = /fetch {
        internal;
        proxy_pass ${origin}$request_uri;
        proxy_cache_valid 200 206 10y;
        proxy_cache_valid 403 404 10s;
        proxy_intercept_errors on;
        error_page 400 401 403 404 405 408 410 412 416 429 500 501 502 503 504 = /fetched;
      }

      location = /fetched {
        internal;
        return 204;
      }
    }
  '';

  # In the `server` block of the virtual host.
  extraConfig = ''
    if ($request_method !~ "^(GET|HEAD)$") {
      return 405;
    }

    ${common}
  '';

  locations = {
    "/" = ''
      return 404;
    '';

    "~ \"^/(?<ai_models_path>nar/[0-9A-Za-z+._=/-]+)$\"" = ''
      slice ${sliceSize};
      proxy_pass http://ai-models-slices/$ai_models_path$is_args$args;
      proxy_cache off;
      # nginx frees the memory of slices at the end of a file: buffers would be as many as slices.
      proxy_buffering off;
      proxy_buffer_size 16k;
      proxy_read_timeout 10m;
      proxy_next_upstream error timeout http_500 http_502 http_503 http_504;
      # Nodes continue interrupted downloads, even if the origin sends all of a file each time.
      proxy_force_ranges on;
      proxy_pass_request_headers off;
      proxy_set_header Connection close;
      proxy_set_header Range $slice_range;
    '';

    "~ \"^/(?<ai_models_path>nix-cache-info|[0-9a-z]{32}[.](ls|narinfo)|(debuginfo|log|realisations)/[0-9A-Za-z!+._:-]+)$\"" =
      ''
        proxy_pass ${origin}/$ai_models_path$is_args$args;
        proxy_cache_key ${url}/$ai_models_path$is_args$args;
        # Signatures can be added, and what is missing may be there soon.
        proxy_cache_valid 200 10m;
        proxy_cache_valid 403 404 10s;
        # If the origin is gone, what is not here is missing. For other errors, Nix waits, and Nix 2.8 crashes.
        proxy_intercept_errors on;
        error_page 429 500 502 503 504 = /;
      '';
  };
}
