# The type of what selects files of a model for a directory.
let
  inherit (import ./lists.nix) patterns;
  inherit (import ./messages.nix) isSet;
  inherit (import ./structs.nix) byPath;

  renamed = byPath (patterns // { line = where: "${where} = \"model.safetensors\""; });
in
{
  /**
    Files by their paths in a directory. A path that ends in `/` has patterns or directories of the model.

    # Type

    ```
    renamed :: Type
    ```
  */
  inherit renamed;

  /**
    Patterns of files, which keep their names, or an attribute set from other names to files.

    # Type

    ```
    selection :: Type
    ```
  */
  selection = patterns // {
    description = "a pattern of files, a list of patterns, or an attribute set of files by new names";
    accepts = value: patterns.accepts value || renamed.accepts value;
    explain = where: value: (if isSet value then renamed else patterns).explain where value;
    option = lib: lib.types.either (patterns.option lib) (renamed.option lib);
  };
}
