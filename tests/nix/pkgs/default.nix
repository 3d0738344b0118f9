# A stand-in for nixpkgs over the programs of the machine, with which tests build the library's outputs
# on machines without nixpkgs. It has what the library and the flake use, by the same names and with the
# same meaning, and nothing else. The sandbox must show /bin, /usr, /lib and /lib64.
{
  system,
  # The platform that packages run on, if it is another one.
  crossSystem ? null,
  config ? { },
  overlays ? [ ],
  # Tests pass the real one, to check that the two agree.
  lib ? import ./lib.nix,
}@arguments:
let
  checkLicense = import ./check-license.nix { inherit config lib; };
  # A function's result for these arguments, with `override` to change some of them.
  makeOverridable =
    function: arguments:
    function arguments
    // {
      override = changes: makeOverridable function (arguments // changes);
    };

  # The arguments that a package declares, from here unless they are passed.
  callPackage =
    path: arguments:
    let
      function = import path;
    in
    makeOverridable function (
      builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments
    );

  # Attributes, or a function from the attributes in the end to them.
  mkDerivation =
    given: if builtins.isFunction given then fromFunction given else fromFunction (_final: given);

  fromFunction =
    function:
    let
      attrs = function (attrs // { finalPackage = package; });
      drvAttrs = removeAttrs attrs [
        "meta"
        "passthru"
      ];
      suffix = if crossSystem == null || attrs ? outputHash then "" else "-${crossSystem}";
      drv = derivation (
        {
          inherit system;
          builder = "/bin/bash";
          args = [ ./builder.sh ];
        }
        // drvAttrs
        // {
          name = "${attrs.name or "${attrs.pname}-${attrs.version}"}${suffix}";
        }
      );
      package =
        drv
        // {
          drvPath = checkLicense attrs drv.drvPath;
          outPath = checkLicense attrs drv.outPath;
          meta = attrs.meta or { };
          passthru = attrs.passthru or { };
          overrideAttrs =
            change:
            fromFunction (
              final:
              let
                old = function final;
                changed = if builtins.isFunction change then change old else change;
              in
              old // (if builtins.isFunction changed then change final old else changed)
            );
        }
        // attrs.passthru or { };
    in
    package;

  runtimeShell = "/bin/bash";

  # Its bin/ is /usr/bin, and its packages are the machine's.
  hostPython = "/usr";

  python3 = {
    outPath = hostPython;
    # By name, because a misspelt dependency must be an error here, too.
    pkgs = builtins.mapAttrs (_name: outPath: { inherit outPath; }) {
      botocore = hostPython;
      requests = hostPython;
      torch = hostPython;
      transformers = hostPython;
    };
    # As many thunks as nixpkgs' own, for tests that count them.
    withPackages =
      choose:
      builtins.deepSeq (builtins.genList (number: { next = number + 1; }) 560) (
        builtins.seq (choose python3.pkgs) hostPython
      );
  };

  # nixpkgs' has fewer modules; see tests/fetcher/test_tree.py.
  python3Minimal.outPath = hostPython;

  # Of the machine, too, or of the directory that tests have in PATH before it.
  skopeo.outPath = hostPython;

  pkgs = {
    inherit
      callPackage
      lib
      python3
      python3Minimal
      skopeo
      system
      ;

    config = {
      allowUnfree = false;
    }
    // config;

    # Those of the machine that builds.
    buildPackages =
      if crossSystem == null then pkgs else import ./. (removeAttrs arguments [ "crossSystem" ]);

    inherit runtimeShell;

    runCommand =
      name: environment: buildCommand:
      mkDerivation ({ inherit name buildCommand; } // environment);

    writeShellScript =
      name: text:
      mkDerivation {
        inherit name;
        text = "#!${runtimeShell}\n${text}\n";
        buildCommand = ''
          printf %s "$text" > $out
          chmod +x $out
        '';
      };

    writeShellScriptBin =
      name: text:
      mkDerivation {
        inherit name;
        text = "#!${runtimeShell}\n${text}\n";
        buildCommand = ''
          mkdir -p $out/bin
          printf %s "$text" > $out/bin/$name
          chmod +x $out/bin/$name
        '';
      };

    stdenvNoCC = {
      inherit mkDerivation;
      hostPlatform.system = if crossSystem == null then system else crossSystem;
    };

    stdenv = {
      hostPlatform = { inherit system; };
      buildPlatform.canExecute = platform: platform.system == system;
    };

    # nixpkgs' own have more options, and compress manual pages.
    installShellFiles = mkDerivation {
      name = "install-shell-files";
      buildCommand = ''
        mkdir -p $out/nix-support
        cp ${./install-shell-files.sh} $out/nix-support/setup-hook
      '';
    };

    # `nix develop` and `nix-shell` look for `outputs` and `stdenv` in its environment.
    mkShell =
      attrs:
      mkDerivation (
        {
          name = "shell";
          outputs = [ "out" ];
          stdenv = mkDerivation {
            name = "stdenv";
            buildCommand = ''
              mkdir $out
              echo 'export PATH=/usr/bin:/bin; runHook() { eval "''${!1}"; }' > $out/setup
            '';
          };
          buildCommand = "export > $out";
        }
        // attrs
      );

    dockerTools.streamLayeredImage = import ./image.nix { inherit mkDerivation runtimeShell; };

    # A program of the machine that needs no other files, in the place of a shell.
    pkgsStatic.busybox = mkDerivation {
      name = "busybox";
      buildCommand = ''
        mkdir -p $out/bin
        cp /usr/sbin/ldconfig $out/bin/busybox
        ln -s busybox $out/bin/sh
      '';
    };

    python3Packages = import ./python.nix { inherit mkDerivation; };

    # nixpkgs puts the bundle at this path of the package, too.
    cacert = mkDerivation {
      name = "host-cacert";
      buildCommand = ''
        mkdir -p $out/etc/ssl/certs
        cat /usr/share/ca-certificates/mozilla/*.crt > $out/etc/ssl/certs/ca-bundle.crt
      '';
    };

    nixfmt-tree = mkDerivation {
      name = "no-nixfmt-tree";
      buildCommand = "mkdir $out";
    };
  };

  extended = builtins.foldl' (prev: overlay: prev // overlay extended prev) pkgs overlays;
in
extended
