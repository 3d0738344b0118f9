# Where models are found.
let
  types = import ../types;
  names = import ../names.nix;
in
{
  /**
    Name of the directory in which huggingface_hub keeps a repository, below `hub/`.

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
    arguments:
    names.mkCacheName (
      (import ./models.nix "mkCacheName").arguments {
        main = "model";
        fields = {
          org = {
            type = types.nullOr types.string;
            default = null;
          };
          model = {
            type = types.string;
            missing = "write the name of the model, as in model = \"Llama-2-7b-hf\"";
          };
          repoType = {
            type = types.string;
            default = "model";
          };
        };
      } arguments
    );

  /**
    The path of the model's files, which `from_pretrained` accepts in place of a repository name.

    # Type

    ```
    getModelPath :: Derivation -> String
    ```

    # Arguments

    model
    : A model made by `fetchModel`, with or without a pinned `rev`.
  */
  getModelPath = (import ./models.nix "getModelPath").snapshotPath;
}
