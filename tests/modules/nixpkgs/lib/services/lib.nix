# By the name of nixpkgs' own: services of a kind that nothing here declares.
{ lib }:
{
  configure = _: { serviceSubmodule = lib.types.raw; };
}
