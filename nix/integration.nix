# Helpers around the entries that `fetchModel` makes.
let
  # Double-quoted for a shell that shall still expand `$HOME`.
  expandable =
    string: "\"${builtins.replaceStrings [ "\\" "\"" "`" ] [ "\\\\" "\\\"" "\\`" ] string}\"";

  # Single-quoted for a shell that shall expand nothing.
  literal = string: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] string}'";
in
{
  /**
    Name of the folder that huggingface_hub keeps a repository in, below `hub/`.

    # Type

    ```
    mkCacheName :: { org :: String | Null ? null, model :: String, repoType :: String ? "model" } -> String
    ```

    # Example

    ```nix
    mkCacheName { org = "meta-llama"; model = "Llama-2-7b-hf"; }
    => "models--meta-llama--Llama-2-7b-hf"
    ```
  */
  mkCacheName =
    {
      org ? null,
      model,
      repoType ? "model",
    }:
    "${repoType}s--${if org == null then "" else "${org}--"}${model}";

  /**
    Shell commands that put a model where huggingface_hub looks. They can be run again and again,
    replace only symbolic links, and leave a real folder alone: it may hold what a user has
    downloaded. They are a subshell that fails then; nothing leaks into the shell that runs it.

    # Type

    ```
    mkLinkScript :: { model :: Derivation, cacheDir :: String } -> String
    ```

    # Arguments

    model
    : What `fetchModel` gave.

    cacheDir
    : The `hub` folder. The shell expands variables in it: "$HOME/.cache/huggingface/hub".
  */
  mkLinkScript =
    { model, cacheDir }:
    ''
      (
        hub=${expandable cacheDir}
        link="$hub"/${literal model.hfCachePath}
        target=${literal "${model}"}
        mkdir -p -- "$hub" || exit 1
        if [ -e "$link" ] && [ ! -L "$link" ]; then
          echo "$link is not a symbolic link, and may hold downloads of yours: move it away to use the model from the Nix store" >&2
          exit 1
        fi
        [ "$(readlink -- "$link")" = "$target" ] || ln -sfn -- "$target" "$link"
      )
    '';

  /**
    A path that `from_pretrained` takes in place of a repository's name.

    # Type

    ```
    getModelPath :: Derivation -> String
    ```

    # Arguments

    model
    : What `fetchModel` gave, with or without a pinned `rev`.
  */
  getModelPath = model: model.snapshotPath;
}
