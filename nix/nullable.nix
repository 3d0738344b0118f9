# An option that may be left out: null then.
lib: type: description: example:
lib.mkOption {
  type = lib.types.nullOr type;
  default = null;
  inherit description example;
}
