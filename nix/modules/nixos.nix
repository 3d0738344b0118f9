# `services.ai-models` for NixOS.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.services.ai-models;
  hf = cfg.integration.huggingface;

  common = import ./common.nix {
    inherit lib pkgs config;
    path = "services.ai-models";
  };

  cacheDir = toString hf.cacheDir;
  commands = common.commands {
    hub = "${cacheDir}/hub";
    # Next to the links, so that both are lost together.
    state = "${cacheDir}/.nix-ai-models.json";
  };

  # systemd expands what follows a single `%`.
  literally = lib.replaceStrings [ "%" ] [ "%%" ];
  quoted = path: "\"${lib.escape [ "\\" "\"" ] (literally path)}\"";

  environment = {
    HF_HOME = literally cacheDir;
  }
  // common.environment;

  # Where nix-daemon reads the token, written from `tokenFile`.
  tokenEnvironment = "ai-models-token/environment";

  # If programs write to the cache, those of the group may, too.
  forPrograms = hf.mode == "directory";
  access = if forPrograms then "2775" else "0755";

  owner =
    what:
    mkOption {
      type = types.str;
      default = "root";
      description = ''
        The ${what} that owns the cache, and as which `ai-models.service` runs. With `mode = "directory"`, the
        ${what} whose programs write to it. An existing directory keeps its owner.
      '';
    };
in
{
  options.services.ai-models = lib.recursiveUpdate common.options {
    tokenFile = mkOption {
      type =
        types.nullOr (
          types.addCheck types.str (
            path: lib.hasPrefix "/" path && !(lib.hasPrefix "${builtins.storeDir}/" path)
          )
        )
        // {
          description = "null or absolute path outside the Nix store, as a string";
        };
      default = null;
      example = "/run/secrets/hf-token";
      description = ''
        A file that contains only a token for the Hub, for building gated and private models. It is read when
        nix-daemon starts and passed to its builds, not to any other service.

        A configuration is built by the daemon of the previous one: add the token and switch first, then add
        the models. After the file has changed, restart `ai-models-token.service` and `nix-daemon.service`.
      '';
    };

    integration.huggingface = {
      cacheDir = mkOption {
        type = types.path;
        default = "/var/cache/huggingface";
        description = ''
          The cache, which is `HF_HOME` of system services. The models are linked in its `hub/`.
        '';
      };

      user = owner "user";
      group = owner "group";
    };
  };

  config = mkIf cfg.enable (
    lib.mkMerge [
      {
        assertions = common.assertions {
          name = "cacheDir";
          directory = hf.cacheDir;
        };
        inherit (common) warnings;
        system.extraDependencies = common.entries;
      }

      (mkIf hf.enable {
        # For services, but not for users' programs: with an HF_HOME that root owns, users could not log in
        # to the Hub, nor keep datasets or remote code. NixOS writes it into each unit, and the environment
        # of user@ is that of all users' sessions.
        systemd.globalEnvironment = environment;
        systemd.services."user@".environment = lib.mapAttrs (_name: _value: lib.mkDefault null) environment;

        # With the colons, existing directories keep mode and owner.
        systemd.tmpfiles.rules =
          map (directory: "d ${quoted directory} :${access} :${hf.user} :${hf.group} - -")
            [
              cacheDir
              "${cacheDir}/hub"
            ];

        # The links exist while the unit is active, so that they are removed with a configuration without
        # it. It is reloaded when models change, so that no model is missing meanwhile.
        systemd.services.ai-models = {
          description = "Links to AI models in the Nix store";
          wantedBy = [ "sysinit.target" ];
          requiredBy = [ "sysinit-reactivation.target" ];
          after = [
            "systemd-tmpfiles-setup.service"
            "systemd-tmpfiles-resetup.service"
          ];
          before = [
            "sysinit.target"
            "sysinit-reactivation.target"
            "shutdown.target"
          ];
          conflicts = [ "shutdown.target" ];
          unitConfig = {
            DefaultDependencies = false;
            RequiresMountsFor = quoted cacheDir;
          };
          reloadIfChanged = true;
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            User = hf.user;
            Group = hf.group;
            # It has the lock, and records which cache this is, because the next configuration may use
            # another one.
            RuntimeDirectory = "ai-models";
            ExecStart = commands.link;
            ExecReload = commands.link;
            ExecStop = commands.unlink;
            UMask = if forPrograms then "0002" else "0022";
            NoNewPrivileges = true;
            PrivateNetwork = true;
            SyslogIdentifier = "ai-models";
          };
        };
      })

      (mkIf (cfg.tokenFile != null) {
        # A separate unit, because nix-daemon must start even if the token cannot be read.
        systemd.services.ai-models-token = {
          description = "Hugging Face token for builds by nix-daemon";
          wantedBy = [ "nix-daemon.service" ];
          before = [ "nix-daemon.service" ];
          unitConfig.RequiresMountsFor = quoted cfg.tokenFile;
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            RuntimeDirectory = dirOf tokenEnvironment;
            RuntimeDirectoryMode = "0700";
            UMask = "0077";
            PrivateNetwork = true;
            SyslogIdentifier = "ai-models-token";
          };
          script = ''
            file=${lib.escapeShellArg cfg.tokenFile}
            exec < "$file"
            read -r token || true
            token=''${token%$'\r'}
            case $token in
              "" | *[!0-9A-Za-z._~+/-]*)
                echo "error: the first line of $file is not a token: services.ai-models.tokenFile must contain nothing else" >&2
                exit 1
                ;;
            esac
            printf 'HF_TOKEN=%s\n' "$token" > "$RUNTIME_DIRECTORY/environment"
          '';
        };
        systemd.services.nix-daemon = {
          serviceConfig.EnvironmentFile = [ "-/run/${tokenEnvironment}" ];
          restartTriggers = [ cfg.tokenFile ];
        };
      })
    ]
  );
}
