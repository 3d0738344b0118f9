# Names of models of Ollama: `[host/][namespace/]model[:tag]`.
let
  inherit (import ../util.nix) lower match;

  # The rules of Ollama. aimodels_engines.ollama has the same; a test compares the two.
  part = "[0-9A-Za-z_][0-9A-Za-z_.-]{0,79}";
  host = "[0-9A-Za-z_][0-9A-Za-z_.:-]{0,254}";
  namespace = "[0-9A-Za-z_][0-9A-Za-z_-]{0,79}";
in
{
  /**
    Whether Ollama accepts a name.

    # Type

    ```
    isName :: String -> Bool
    ```
  */
  isName = name: match "((${host}/)?${namespace}/)?${part}(:${part})?" name != null;

  /**
    A name with what Ollama adds to it, in lower case: equal for names of one model, because Ollama does not
    distinguish between upper and lower case.

    # Type

    ```
    complete :: String -> String
    ```

    # Example

    ```nix
    complete "Llama3.2"
    => "registry.ollama.ai/library/llama3.2:latest"
    ```
  */
  complete =
    name:
    let
      parts = match "(((.*)/)?([^/]*)/)?([^/:]*)(:(.*))?" name;
      partAt =
        number: default:
        let
          found = builtins.elemAt parts number;
        in
        if found == null then default else found;
    in
    lower "${partAt 2 "registry.ollama.ai"}/${partAt 3 "library"}/${partAt 4 ""}:${partAt 6 "latest"}";
}
