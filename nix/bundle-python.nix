# One of the Python programs of this folder, as a store path that is the same from any checkout: with
# nothing but the program, since Python, linters and editors leave files of theirs beside it.
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
