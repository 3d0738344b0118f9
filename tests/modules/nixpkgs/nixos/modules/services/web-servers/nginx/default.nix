# At the path of nixpkgs' own file: the options that our module sets, with the same types, and the configuration
# that NixOS makes from them. Other options are an error.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nginx;

  text = mkOption {
    type = types.lines;
    default = "";
  };

  string =
    default:
    mkOption {
      type = types.str;
      inherit default;
    };

  location = types.submodule {
    options = {
      extraConfig = text;
    };
  };

  listen = types.submodule {
    options = {
      addr = mkOption { type = types.str; };
      port = mkOption { type = types.port; };
    };
  };

  host = types.submodule {
    options = {
      extraConfig = text;
      listen = mkOption {
        type = types.listOf listen;
        default = [ ];
      };
      locations = mkOption {
        type = types.attrsOf location;
        default = { };
      };
    };
  };

  headers = pkgs.writeText "headers" ''
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  '';

  locationText = place: value: ''
    location ${place} {
      ${value.extraConfig}
    }
  '';

  hostText = name: value: ''
    server {
      ${lib.concatMapStrings (each: "listen ${each.addr}:${toString each.port};\n") value.listen}
      server_name ${name};
      ${lib.concatStrings (lib.mapAttrsToList locationText value.locations)}
      ${value.extraConfig}
    }
  '';
in
{
  options.services.nginx = {
    enable = lib.mkEnableOption "nginx";
    package = mkOption {
      type = types.package;
      default = pkgs.nginxStable;
    };
    user = string "nginx";
    group = string "nginx";
    recommendedProxySettings = mkOption {
      type = types.bool;
      default = false;
    };
    appendConfig = text;
    commonHttpConfig = text;
    eventsConfig = text;
    virtualHosts = mkOption {
      type = types.attrsOf host;
      default = { };
    };
    # Not an option of nixpkgs.
    file = mkOption {
      type = types.str;
      internal = true;
    };
  };

  config.services.nginx.file = ''
    events {
      ${cfg.eventsConfig}
    }
    http {
      ${lib.optionalString cfg.recommendedProxySettings ''
        proxy_redirect off;
        proxy_connect_timeout 60s;
        proxy_http_version 1.1;
        proxy_set_header "Connection" "";
        include ${headers};
      ''}
      ${cfg.commonHttpConfig}
      ${lib.concatStrings (lib.mapAttrsToList hostText cfg.virtualHosts)}
    }
    ${cfg.appendConfig}
  '';
}
