# What a model is called: in the cache, and to programs that need no cache.
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
