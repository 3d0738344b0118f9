/**
  One of the library's Python programs as a store path that is the same from any checkout. It holds only
  the program, because Python, linters and editors leave files of their own next to it.

  # Type

  ```
  bundlePython :: String -> Path -> String
  ```

  # Arguments

  name
  : What the store path is named after.

  path
  : The directory with `__main__.py`.
*/
name: path:
builtins.path {
  name = "ai-models-${name}";
  inherit path;
  filter =
    path: type:
    builtins.match (if type == "directory" then "[a-z0-9_]*[a-z0-9]" else "[a-z0-9_]+[.]py") (
      baseNameOf path
    ) != null;
}
