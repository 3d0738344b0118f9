/**
  An option that is null unless it is set; `lib` is that of nixpkgs.

  # Type

  ```
  nullable :: Lib -> OptionType -> String -> a -> Option
  ```
*/
lib: type: description: example:
lib.mkOption {
  type = lib.types.nullOr type;
  default = null;
  inherit description example;
}
