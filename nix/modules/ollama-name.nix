# Names of models of Ollama.
lib:
let
  defaults = [
    "registry.ollama.ai"
    "library"
  ];
in
{
  /**
    A name with what Ollama adds, in one case: equal for names of one model.

    # Type

    ```
    complete :: String -> String
    ```
  */
  complete =
    name:
    let
      parts = lib.splitString "/" name;
      last = lib.last parts;
      tagged = if lib.hasInfix ":" last then last else "${last}:latest";
    in
    lib.toLower (
      lib.concatStringsSep "/" (
        lib.take (3 - builtins.length parts) defaults ++ lib.init parts ++ [ tagged ]
      )
    );
}
