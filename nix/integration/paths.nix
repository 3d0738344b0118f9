# Where programs that need no cache find a model.
{
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
  getModelPath = model: model.snapshotPath;
}
