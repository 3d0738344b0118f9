let
  # What it needs of nixpkgs' lib, as data.
  lib = {
    mkOption = option: option;
    types.nullOr = type: { nullOr = type; };
  };
in
{
  nullable = {
    isNullUnlessSet = {
      expr = import ../../../nix/nullable.nix lib "str" "A region." "eu-central-1";
      expected = {
        type.nullOr = "str";
        default = null;
        description = "A region.";
        example = "eu-central-1";
      };
    };
  };
}
