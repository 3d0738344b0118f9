# `integration.directory.<name>`: any directory, with links to files of the model.
let
  inherit (import ../util.nix) quote;
  inherit (import ./placing.nix) isLabel renamedLinks renamedProblem;
  inherit (import ../types/messages.nix) join;
  types = import ../types;

  place = join "integration.directory";

  # `mkDirectory` takes these names for what is under `integration` itself.
  reserved = [
    "comfyui"
    "huggingface"
    "lmstudio"
    "ollama"
    "triton"
  ];
in
{
  description = "Directories by their names, each an attribute set from paths in it to files of the model. A path that ends in `/` takes a pattern, whose files keep their names, a directory of the model such as `onnx/` or `./` for all, whose files keep their paths below it, or a list of these.";
  example = {
    whisper."ggml/" = "*.bin";
  };

  arguments = types.attrsOf {
    description = "an attribute set of directories by their names";
    name = "NAME";
    of = types.renamed;
  };

  /**
    What is wrong with the directory of a name, or null.

    # Type

    ```
    problem :: AttrSet -> String -> AttrSet -> String | Null
    ```
  */
  problem =
    checked: name: given:
    if builtins.elem name reserved then
      "`${place name}` would be mistaken for `integration.${name}`: use another name"
    else if !(isLabel name) then
      "`integration.directory` has a directory named ${quote name}: use letters, digits, . _ and -"
    else if given == { } then
      "`${place name}` is empty: write a path and a file, as in `${place name}.\"dir/\" = \"*.bin\"`"
    else
      renamedProblem checked (place name) given;

  /**
    The parts of the view.

    # Type

    ```
    parts :: AttrSet -> String -> AttrSet -> AttrSet
    ```
  */
  parts = _checked: name: given: {
    links = renamedLinks (place name) "" given;
  };
}
