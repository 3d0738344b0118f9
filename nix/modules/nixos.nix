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
    # Beside the links, so that both are lost together.
    state = "${cacheDir}/.nix-ai-models.json";
  };

  # systemd expands what follows a single `%`.
  literally = lib.replaceStrings [ "%" ] [ "%%" ];
  quoted = path: "\"${lib.escape [ "\\" "\"" ] (literally path)}\"";

  environment = {
    HF_HOME = literally cacheDir;
  }
  // common.environment;

  # Where nix-daemon finds the token, made from `tokenFile`.
  tokenEnvironment = "ai-models-token/environment";

  # Programs of the group may write, too, where programs are to write.
  forPrograms = hf.mode == "directory";
  access = if forPrograms then "2775" else "0755";

  owner =
    what:
    mkOption {
      type = types.str;
      default = "root";
      description = ''
        The ${what} that the cache belongs to, and as which it is kept. With `mode = "directory"`, the one
        whose programs write to it. A folder that is there already keeps its owner.
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
        A file with a token for the Hub, and nothing else, for building gated and private models. It is
        read when nix-daemon starts and given to its builds, not to any other service.

        The daemon that builds a configuration is that of the configuration before it: add the token first,
        and switch, then add the models. After the file has changed, restart `ai-models-token.service` and
        `nix-daemon.service`.
      '';
    };

    integration.huggingface = {
      cacheDir = mkOption {
        type = types.path;
        default = "/var/cache/huggingface";
        description = ''
          The cache: `HF_HOME` of system services. The models are linked below `hub/` in it.
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
          folder = hf.cacheDir;
        };
        inherit (common) warnings;
        system.extraDependencies = common.entries;
      }

      (mkIf hf.enable {
        # For services, but not for what users run: below a home of root's they could not log in to
        # the Hub, nor keep datasets or remote code. NixOS writes it into each unit, and what user@
        # has is in the sessions of all users.
        systemd.globalEnvironment = environment;
        systemd.services."user@".environment = lib.mapAttrs (_name: _value: lib.mkDefault null) environment;

        # The colons leave alone what is there.
        systemd.tmpfiles.rules =
          map (folder: "d ${quoted folder} :${access} :${hf.user} :${hf.group} - -")
            [
              cacheDir
              "${cacheDir}/hub"
            ];

        # Links are there as long as the unit is active, so that they go with a configuration that
        # does not have it. It is reloaded when models change: none is missing for a moment.
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
            # Which cache it is, in case that another configuration has another one.
            RuntimeDirectory = "ai-models";
            ExecStart = commands.link;
            ExecReload = commands.link;
            ExecStop = commands.unlink;
            UMask = if forPrograms then "0002" else "0022";
            NoNewPrivileges = true;
            PrivateNetwork = true;
          };
        };
      })

      (mkIf (cfg.tokenFile != null) {
        # A unit of its own, so that a token that cannot be read does not keep nix-daemon from starting.
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
          };
          script = ''
            file=${lib.escapeShellArg cfg.tokenFile}
            exec < "$file"
            read -r token || true
            token=''${token%$'\r'}
            case $token in
              "" | *[!0-9A-Za-z._~+/-]*)
                echo "error: the first line of $file is no token: write nothing else into services.ai-models.tokenFile" >&2
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
