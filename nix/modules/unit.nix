/**
  A unit that keeps links in a directory while it is active, and the directory itself.

  # Type

  ```
  unit :: AttrSet -> { isRemote :: Bool, assertions :: [AttrSet], systemd :: AttrSet }
  ```
*/
{
  lib,
  pkgs,
  config,
  # The name of the unit, without `.service`.
  name,
  description,
  # The path of the options `user` and `group`.
  path,
  user,
  group,
  # Whether programs write to the directory.
  forPrograms,
  # What has to exist, and with the owner and mode of the directory if it is made now.
  directories,
  # Where the links are.
  place,
  # `link` and `unlink`: command lines.
  commands,
}:
let
  # systemd expands what follows a single `%`.
  literally = lib.replaceStrings [ "%" ] [ "%%" ];
  quoted = path: "\"${lib.escape [ "\\" "\"" ] (literally path)}\"";

  # If programs write to the directory, those of the group may, too.
  access = if forPrograms then "2775" else "0755";

  # With the colons, existing directories keep mode and owner.
  rules = map (directory: "d ${quoted directory} :${access} :${user} :${group} - -") directories;

  isBelowProtected = lib.any (directory: lib.hasPrefix directory "${place}/") [
    "/boot/"
    "/efi/"
    "/etc/"
    "/usr/"
  ];

  mounts = import ./mounts.nix { inherit lib config; };
  mountPoints = mounts.points place;
  # The unit is then not started early: the network starts after the early units.
  isRemote = mounts.isRemote place;
  makeDirectories = lib.optional isRemote (
    "-+${config.systemd.package}/bin/systemd-tmpfiles --create "
    + pkgs.writeText "${name}-tmpfiles.conf" (lib.concatMapStrings (rule: "${rule}\n") rules)
  );
in
{
  inherit isRemote;

  assertions = import ./accounts.nix {
    inherit
      lib
      config
      path
      user
      group
      ;
  };

  systemd = {
    tmpfiles.rules = lib.mkIf (!isRemote) rules;

    # The links exist while the unit is active: a configuration without it removes them. It is reloaded when
    # models change, because a restart would remove all links for a moment.
    services.${name} = {
      inherit description;
      wantedBy = [ (if isRemote then "multi-user.target" else "sysinit.target") ];
      requiredBy = [ "sysinit-reactivation.target" ];
      # Of file systems that are not declared, too: at shutdown, they are unmounted later.
      after = [
        (if isRemote then "remote-fs.target" else "local-fs.target")
        "systemd-tmpfiles-setup.service"
        "systemd-tmpfiles-resetup.service"
      ]
      ++ lib.optional isRemote "autofs.service";
      before = [
        "sysinit-reactivation.target"
        "shutdown.target"
      ]
      ++ lib.optional (!isRemote) "sysinit.target";
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = isRemote;
      }
      # Of the mounts that are declared: others may need the network.
      // lib.optionalAttrs (mountPoints != [ ]) { RequiresMountsFor = map quoted mountPoints; };
      reloadIfChanged = true;
      serviceConfig = import ./hardening.nix // {
        Type = "oneshot";
        RemainAfterExit = true;
        User = user;
        Group = group;
        # It has the lock, and records which directory this is, because the next configuration may use
        # another one.
        RuntimeDirectory = name;
        ExecStartPre = makeDirectories;
        ExecStart = commands.link;
        ExecReload = makeDirectories ++ [ commands.link ];
        ExecStop = commands.unlink;
        UMask = if forPrograms then "0002" else "0022";
        # For directories of other users.
        CapabilityBoundingSet = lib.optionalString (lib.elem user [
          "root"
          "0"
        ]) "CAP_DAC_OVERRIDE CAP_FOWNER";
        # Not "strict": it also removes links from the directory of the configuration before, which can be
        # anywhere, and creates directories.
        ProtectSystem = if isBelowProtected then false else "full";
        TimeoutStartSec = "5min";
        SyslogIdentifier = name;
      };
    };
  };
}
