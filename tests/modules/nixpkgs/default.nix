# The parts of nixpkgs that modules need, over the stand-in.
{
  # Of the real nixpkgs.
  lib,
  system ? "x86_64-linux",
}:
let
  pkgs = import ../../nix/pkgs { inherit system lib; };

  # The builder's shell is as nixpkgs' setup leaves it.
  runCommand =
    name: environment: buildCommand:
    pkgs.runCommand name environment ''
      set +u
      substituteInPlace() {
        [ "$#$2" = 4--subst-var-by ]
        sed -i "s|@$3@|$4|g" "$1"
      }
      ${buildCommand}
    '';

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      destination ? "",
    }:
    runCommand name
      {
        inherit text;
        passAsFile = [ "text" ];
      }
      ''
        mkdir -p "$(dirname "$out${destination}")"
        cp "$textPath" "$out${destination}"
        ${lib.optionalString executable "chmod +x \"$out${destination}\""}
      '';

  # Messages in English.
  gettext = runCommand "no-gettext" { } ''
    mkdir -p $out/bin
    echo 'printf %s "$1"' > $out/bin/gettext
    echo 'touch "$2"' > $out/bin/msgfmt
    sed -i '1i #!/bin/sh' $out/bin/*
    chmod +x $out/bin/*
  '';
in
pkgs
// {
  # Home Manager takes NixOS modules from here.
  path = ./.;
  stdenv = pkgs.stdenvNoCC // {
    hostPlatform = lib.systems.elaborate system;
  };

  inherit runCommand writeTextFile;
  runCommandLocal = runCommand;
  writeText = name: text: writeTextFile { inherit name text; };
  writeShellScript =
    name: text:
    writeTextFile {
      inherit name;
      executable = true;
      text = "#!${pkgs.runtimeShell}\n${text}\n";
    };

  replaceVars =
    path: variables:
    writeTextFile {
      name = baseNameOf path;
      text = lib.replaceStrings (map (name: "@${name}@") (
        lib.attrNames variables
      )) (lib.attrValues variables) (builtins.readFile path);
    };

  buildEnv =
    { name, paths, ... }:
    runCommand name { inherit paths; } ''
      mkdir $out
      for path in $paths; do
        cp -rsn $path/. $out
      done
    '';

  inherit gettext;
  buildPackages = pkgs.buildPackages // {
    inherit gettext;
  };
  lndir = runCommand "no-lndir" { } "mkdir $out";
  glibcLocales = runCommand "no-locales" { version = "2.40"; } "mkdir $out";

  # The machine's nginx, which has the slice module.
  nginxStable = lib.makeOverridable (
    {
      withSlice ? false,
    }:
    {
      type = "derivation";
      name = "nginx";
      outPath = "/usr";
      configureFlags = lib.optional withSlice "--with-http_slice_module";
    }
  ) { };

  # For settings that are not set here.
  formats = lib.genAttrs [ "gitIni" "ini" "json" "keyValue" "toml" "yaml" ] (
    _name: _options: { type = lib.types.anything; }
  );
}
//
  lib.genAttrs
    [
      "bash"
      "coreutils"
      "diffutils"
      "findutils"
      "gnugrep"
      "gnused"
      "jq"
      "ncurses"
      "rsync"
      "systemd"
    ]
    (name: {
      type = "derivation";
      inherit name;
      outPath = "/usr";
      meta.mainProgram = name;
    })
