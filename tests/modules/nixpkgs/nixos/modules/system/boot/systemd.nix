# At the path of nixpkgs' own file: the options that our module sets, with the same types, and the units
# that NixOS makes from them.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.systemd;

  # A list becomes one line for each element; two definitions must be equal, or lists.
  value = lib.mkOptionType {
    name = "systemd option";
    merge =
      loc: definitions:
      if lib.any (definition: lib.isList definition.value) definitions then
        lib.concatMap (definition: lib.toList definition.value) definitions
      else
        lib.mergeEqualOption loc definitions;
  };

  section = mkOption {
    type = types.attrsOf value;
    default = { };
  };

  variables = mkOption {
    type = types.attrsOf (
      types.nullOr (
        types.oneOf [
          types.str
          types.path
          types.package
        ]
      )
    );
    default = { };
  };

  units = mkOption {
    type = types.listOf (
      types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|mount|target|timer|path|slice)"
    );
    default = [ ];
  };

  # Their names in unit files.
  dependencies = {
    after = "After";
    before = "Before";
    conflicts = "Conflicts";
    requires = "Requires";
    wants = "Wants";
  };

  unit = {
    options = {
      description = mkOption {
        type = types.singleLineStr;
        default = "";
      };
      unitConfig = section;
    }
    // lib.mapAttrs (_option: _name: units) (
      dependencies
      // {
        wantedBy = "";
        requiredBy = "";
      }
    );
  };

  service = types.submodule {
    imports = [ unit ];
    # Services of tests and documents set more.
    freeformType = types.attrsOf types.anything;
    options = {
      serviceConfig = section;
      environment = variables;
      reloadIfChanged = mkOption {
        type = types.bool;
        default = false;
      };
      script = mkOption {
        type = types.lines;
        default = "";
      };
    };
  };

  socket = types.submodule {
    imports = [ unit ];
    options.listenStreams = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
  };

  lines =
    attrs:
    lib.concatStrings (
      lib.flatten (
        lib.mapAttrsToList (name: value: map (each: "${name}=${text each}\n") (lib.toList value)) attrs
      )
    );
  text = value: if lib.isBool value then lib.boolToString value else toString value;

  unitSection = definition: ''
    [Unit]
    ${lines (
      lib.filterAttrs (_name: value: value != [ ]) (
        lib.mapAttrs' (option: name: {
          inherit name;
          value = lib.optional (definition.${option} != [ ]) (toString definition.${option});
        }) dependencies
      )
      // lib.optionalAttrs (definition.description != "") { Description = definition.description; }
      // definition.unitConfig
    )}
  '';

  serviceText =
    name: definition:
    let
      script = pkgs.writeShellScript "unit-script-${name}-start" "set -e\n${definition.script}";
      environment = lib.filterAttrs (_key: value: value != null) (
        cfg.globalEnvironment // definition.environment
      );
    in
    unitSection definition
    + ''
      [Service]
      ${lib.concatMapStrings (key: "Environment=${builtins.toJSON "${key}=${environment.${key}}"}\n") (
        lib.attrNames environment
      )}
      ${lib.optionalString definition.reloadIfChanged "X-ReloadIfChanged=true"}
      ${lib.optionalString (definition.script != "") "ExecStart=${script}"}
      ${lines definition.serviceConfig}
    '';

  socketText =
    _name: definition:
    unitSection definition
    + ''
      [Socket]
      ${lines { ListenStream = definition.listenStreams; }}
    '';

  file = suffix: text: name: definition: {
    inherit definition;
    name = "${name}.${suffix}";
    text = pkgs.writeText "unit" (text name definition);
  };

  files =
    lib.mapAttrsToList (file "service" serviceText) cfg.services
    ++ lib.mapAttrsToList (file "socket" socketText) cfg.sockets
    ++ lib.mapAttrsToList (file "target" (_name: unitSection)) cfg.targets;

  # Shell commands that make a unit what NixOS makes it: a drop-in, where systemd brings one itself.
  install =
    {
      definition,
      name,
      text,
    }:
    ''
      if [ -e "/usr/lib/systemd/system/${name}" ]; then
        mkdir "${name}.d"
        cp ${text} "${name}.d/overrides.conf"
      else
        cp ${text} "${name}"
      fi
    ''
    +
      lib.concatMapStrings
        (by: ''
          mkdir -p "${by}"
          ln -s "../${name}" "${by}/"
        '')
        (map (by: "${by}.wants") definition.wantedBy ++ map (by: "${by}.requires") definition.requiredBy);
in
{
  options = {
    systemd = {
      globalEnvironment = variables;
      package = mkOption {
        type = types.package;
        default = pkgs.systemd;
      };
      services = mkOption {
        type = types.attrsOf service;
        default = { };
      };
      sockets = mkOption {
        type = types.attrsOf socket;
        default = { };
      };
      targets = mkOption {
        type = types.attrsOf (types.submodule unit);
        default = { };
      };
      tmpfiles.rules = mkOption {
        type = types.listOf types.str;
        default = [ ];
      };
    };

    system = {
      extraDependencies = mkOption {
        type = types.listOf types.pathInStore;
        default = [ ];
      };
      build.toplevel = mkOption { type = types.package; };
    };
  };

  config = {
    systemd.targets.sysinit-reactivation = { };
    systemd.services.systemd-tmpfiles-resetup = {
      requiredBy = [ "sysinit-reactivation.target" ];
      before = [ "sysinit-reactivation.target" ];
      after = [ "local-fs.target" ];
      unitConfig.DefaultDependencies = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "systemd-tmpfiles --create --remove --exclude-prefix=/dev";
        SuccessExitStatus = "DATAERR CANTCREAT";
      };
    };

    # The content of /etc.
    system.build.toplevel =
      pkgs.runCommand "nixos-system"
        {
          inherit (config.system) extraDependencies;
          tmpfiles = lib.concatMapStrings (rule: "${rule}\n") cfg.tmpfiles.rules;
          passAsFile = [
            "extraDependencies"
            "tmpfiles"
          ];
        }
        ''
          mkdir -p $out/systemd/system $out/tmpfiles.d
          cp "$tmpfilesPath" $out/tmpfiles.d/00-nixos.conf
          # Without Debian's file, which would empty /tmp.
          ln -s /dev/null $out/tmpfiles.d/tmp.conf
          cp "$extraDependenciesPath" $out/extra-dependencies
          cd $out/systemd/system
          ${lib.concatMapStrings install files}
        '';
  };
}
