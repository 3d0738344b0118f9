/**
  One of the library's Python programs as a store path that is the same from any checkout. It holds only
  the program, because Python, linters and editors leave files of their own next to it.

  # Type

  ```
  bundlePython :: [String] -> String -> Path -> String
  ```

  # Arguments

  without
  : Names of modules to leave out.

  name
  : What the store path is named after.

  path
  : The directory with `__main__.py`.
*/
without: name: path:
builtins.path {
  name = "ai-models-${name}";
  inherit path;
  filter =
    path: type:
    let
      base = baseNameOf path;
      pattern = if type == "directory" then "[a-z0-9_]*[a-z0-9]" else "[a-z0-9_]+[.]py";
    in
    builtins.match pattern base != null && builtins.all (module: base != "${module}.py") without;
}
