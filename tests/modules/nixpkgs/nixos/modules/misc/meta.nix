# By the name of nixpkgs' own. What modules say of themselves is of no interest here.
{ lib, ... }:
{
  options.meta = lib.mkOption {
    type = lib.types.raw;
    default = { };
  };
}
