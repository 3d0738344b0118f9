# The mounts that a path is on, as far as the NixOS configuration declares them.
{ lib, config }:
let
  # As systemd has them in `fstype_is_network`, all of which it orders after the network.
  networkTypes = [
    "afs"
    "ceph"
    "cifs"
    "davfs"
    "gfs"
    "gfs2"
    "glusterfs"
    "lustre"
    "ncp"
    "ncpfs"
    "nfs"
    "nfs4"
    "ocfs2"
    "orangefs"
    "pvfs2"
    "smb3"
    "smbfs"
    "sshfs"
  ];

  inherit (import ./path.nix lib) normalize;
  split = separator: text: lib.filter (part: part != "") (lib.splitString separator text);
  isAbove = point: path: point == "/" || lib.hasPrefix "${point}/" "${path}/";

  # Whether a unit starts with the network or after it, and not early at boot.
  isLate =
    unit:
    lib.any (part: lib.hasInfix part unit) [
      "network"
      "remote"
    ]
    || lib.hasSuffix ".service" unit && builtins.match "(systemd|zfs)-.*" unit == null;

  # The values of options like `x-systemd.after=network.target`.
  valuesOf =
    names: options:
    lib.concatMap (
      option:
      let
        parts = builtins.match "x-systemd[.]([a-z-]+)=(.*)" option;
      in
      lib.optional (parts != null && lib.elem (lib.head parts) names) (lib.last parts)
    ) options;

  mount =
    {
      point,
      device,
      type,
      options,
      units ? [ ],
      paths ? [ ],
    }:
    {
      point = normalize point;
      isNetwork =
        lib.elem (lib.removePrefix "fuse." type) networkTypes
        || lib.elem "_netdev" options
        || lib.any isLate (
          units
          ++ valuesOf [
            "after"
            "requires"
            "wants"
          ] options
        );
      # Paths that have to be mounted before it, such as the source of a bind mount.
      needs = map normalize (
        lib.filter (lib.hasPrefix "/") ([ device ] ++ paths ++ valuesOf [ "requires-mounts-for" ] options)
      );
    };

  ofFileSystem =
    fileSystem:
    mount {
      point = fileSystem.mountPoint;
      device = toString (fileSystem.device or "");
      type = toString (fileSystem.fsType or "");
      options = lib.concatMap (split ",") (fileSystem.options or [ ]);
      paths = fileSystem.depends or [ ];
    };

  ofUnit =
    unit:
    mount {
      point = unit.where;
      device = toString (unit.what or "");
      type = toString (unit.type or "");
      options = split "," (toString (unit.options or ""));
      units = (unit.after or [ ]) ++ (unit.requires or [ ]) ++ (unit.wants or [ ]);
    };

  # A line of autofs' master map: a directory in which it mounts on demand.
  ofAutofs =
    line:
    let
      found = builtins.match "[[:space:]]*(/[^[:space:]]+)[[:space:]].*" line;
    in
    lib.optional (found != null) (mount {
      point = lib.head found;
      device = "";
      type = "autofs";
      options = [ ];
      units = [ "autofs.service" ];
    });
  autofs = config.services.autofs or { };

  # systemd has no dependencies for the root file system.
  mounts = lib.filter ({ point, ... }: point != "/") (
    map ofFileSystem (
      lib.filter (fileSystem: fileSystem.enable or true) (lib.attrValues (config.fileSystems or { }))
    )
    ++ map ofUnit (lib.filter (unit: unit.enable or true) (config.systemd.mounts or [ ]))
    ++ lib.optionals (autofs.enable or false) (
      lib.concatMap ofAutofs (lib.splitString "\n" autofs.autoMaster)
    )
  );

  # Apart from those that were looked at before.
  mountsOf =
    before: path: lib.filter ({ point, ... }: isAbove point path && !lib.elem point before) mounts;

  isRemote =
    before: path:
    lib.any (each: each.isNetwork || lib.any (isRemote (before ++ [ each.point ])) each.needs) (
      mountsOf before path
    );
in
{
  /**
    Where file systems are mounted that contain a path, or a directory on the way to it.

    # Type

    ```
    points :: String -> [String]
    ```
  */
  points = path: lib.unique (map ({ point, ... }: point) (mountsOf [ ] (normalize path)));

  /**
    Whether a path is there only after the network, because a file system on the way to it is mounted then.

    # Type

    ```
    isRemote :: String -> Bool
    ```
  */
  isRemote = path: isRemote [ ] (normalize path);
}
