/**
  `tokenFile`: the units that pass a token to nix-daemon.

  # Type

  ```
  token :: AttrSet -> { assertions, systemd }
  ```
*/
{
  lib,
  pkgs,
  config,
  # A path as a value in unit files.
  literally,
  quoted,
  # The file.
  file,
}:
let
  # Where nix-daemon reads the token.
  directory = "ai-models-token";

  # As systemd wants paths of credentials.
  path = (import ./path.nix lib).normalize file;

  # The exit status for systemd's errors with the file, whose path it does not log.
  noCredentials = "243";

  explain = pkgs.writeShellScript "ai-models-token-explain" ''
    if [ "$EXIT_STATUS" = ${noCredentials} ]; then
      echo "error: cannot read "${lib.escapeShellArg file}", the file of services.ai-models.tokenFile:" \
        "create it, and run: systemctl restart ai-models-token nix-daemon" >&2
    fi
  '';
in
{
  assertions = [
    {
      # Determinate Nix, for example, brings its own unit.
      assertion = config.nix.enable or true;
      message =
        "services.ai-models.tokenFile is for the nix-daemon of NixOS, and `nix.enable = false`: remove "
        + "it, and set HF_TOKEN for the daemon that builds, or download with `aimodels-gen prefetch`";
    }
    {
      assertion = !(lib.elem ".." (lib.splitString "/" file));
      message = "services.ai-models.tokenFile = \"${file}\" contains `..`: write the path without it";
    }
  ];

  systemd.services = lib.mkIf (config.nix.enable or true) {
    # A separate unit, because nix-daemon must start even if the token cannot be read.
    ai-models-token = {
      description = "Hugging Face token for builds by nix-daemon";
      wantedBy = [ "nix-daemon.service" ];
      before = [ "nix-daemon.service" ];
      unitConfig.RequiresMountsFor = quoted file;
      serviceConfig = import ./hardening.nix // {
        Type = "oneshot";
        RemainAfterExit = true;
        # systemd reads the file, which the script cannot reach.
        LoadCredential = "token:${literally path}";
        ExecStopPost = explain;
        RuntimeDirectory = directory;
        RuntimeDirectoryMode = "0700";
        UMask = "0077";
        ProtectHome = true;
        ProtectSystem = "strict";
        TimeoutStartSec = "1min";
        SyslogIdentifier = "ai-models-token";
      };
      script = ''
        # Of a directory, systemd passes the files.
        [ -f "$CREDENTIALS_DIRECTORY/token" ] || exit ${noCredentials}
        exec < "$CREDENTIALS_DIRECTORY/token"
        read -r token || true
        token=''${token%$'\r'}
        case $token in
          "" | *[!0-9A-Za-z._~+/-]*)
            echo "error: the first line of "${lib.escapeShellArg file}" is not a token:" \
              "services.ai-models.tokenFile must contain nothing else" >&2
            exit 1
            ;;
        esac
        printf 'HF_TOKEN=%s\n' "$token" > "$RUNTIME_DIRECTORY/environment"
      '';
    };

    nix-daemon = {
      serviceConfig.EnvironmentFile = [ "-/run/${directory}/environment" ];
      restartTriggers = [ file ];
    };
  };
}
