# What the cases of types have in common.
{
  # What is said of each value, null if the type accepts it.
  said = type: map (value: if type.accepts value then null else type.explain "here" value);

  # What it needs of nixpkgs' lib, as data.
  lib = {
    mkOption = option: option;
    types = {
      bool = "bool";
      either = a: b: { either = [ a b ]; };
      enum = values: { enum = values; };
      attrsOf = type: { attrsOf = type; };
      listOf = type: { listOf = type; };
      nullOr = type: { nullOr = type; };
      str = "str";
      submodule = { options }: { submodule = options; };
    };
  };

  package = derivation {
    name = "package";
    system = "x86_64-linux";
    builder = "/bin/sh";
  };
}
