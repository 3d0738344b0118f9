# At the path of nixpkgs' own file: for a kind of services that is not declared here.
{ lib }:
{
  configure = _: { serviceSubmodule = lib.types.raw; };
}
