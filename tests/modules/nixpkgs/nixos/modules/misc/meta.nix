# At the path of nixpkgs' own file. The metadata of modules is not used here.
{ lib, ... }:
{
  options.meta = lib.mkOption {
    type = lib.types.raw;
    default = { };
  };
}
