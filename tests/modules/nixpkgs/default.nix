# What modules need of nixpkgs, over the stand-in.
{
  # Of the real nixpkgs.
  lib,
}:
let
  pkgs = import ../../nix/pkgs {
    system = "x86_64-linux";
    inherit lib;
  };
in
pkgs
// {
  # Home Manager takes NixOS modules from here.
  path = ./.;
  stdenv = pkgs.stdenvNoCC // {
    hostPlatform = lib.systems.elaborate "x86_64-linux";
  };
  glibcLocales = pkgs.runCommand "no-locales" { version = "2.40"; } "mkdir $out";
  # Of settings that nothing here sets.
  formats = lib.genAttrs [ "gitIni" "ini" "json" "keyValue" "toml" "yaml" ] (
    _name: _options: { type = lib.types.anything; }
  );
}
