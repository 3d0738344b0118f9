# Where containers find models, as mounts and volumes for the programs that start containers.
let
  inherit (import ../util.nix) match;
  types = import ../types;

  # Colons separate the parts of a volume, and of the bind mounts that NixOS passes to systemd-nspawn;
  # spaces separate those bind mounts.
  absolute =
    fail: argument: path:
    if builtins.isString path && match "/[^:[:space:]]*" path != null then
      path
    else
      fail "`${argument}` is a directory in the container: write an absolute path, as a string, without colons and spaces";

  # The models, and the directory that one of the arguments is.
  arguments =
    helper: given: name: default:
    let
      complete = helper.withModels {
        ${name} = {
          type = types.any; # `absolute` checks it
          inherit default;
        };
      } given;
    in
    {
      entries = helper.byCacheName complete.models;
      directory = absolute helper.fail name complete.${name};
    };
in
{
  /**
    Mounts for NixOS' `containers.<name>.bindMounts`. They link to other store paths, which these
    containers can read because they share the host's store.

    # Type

    ```
    mkContainerMounts :: { models :: [Derivation] | AttrSet, cacheDir :: String ? "/var/cache/huggingface" } -> AttrSet
    ```

    # Arguments

    models
    : Models made by `fetchModel`, as a list or an attribute set.

    cacheDir
    : `HF_HOME` in the container.

    # Example

    ```nix
    mkContainerMounts { models = [ llama-2-7b ]; }
    => {
      "/var/cache/huggingface/hub/models--meta-llama--Llama-2-7b-hf" = {
        hostPath = "/nix/store/…-llama-2-7b";
        isReadOnly = true;
      };
    }
    ```
  */
  mkContainerMounts =
    given:
    let
      helper = import ./models.nix "mkContainerMounts";
      inherit (arguments helper given "cacheDir" "/var/cache/huggingface") directory entries;
    in
    builtins.listToAttrs (
      map (cacheName: {
        name = "${directory}/hub/${cacheName}";
        value = {
          hostPath = "${helper.linked entries.${cacheName}}";
          isReadOnly = true;
        };
      }) (builtins.attrNames entries)
    );

  /**
    Volumes for `docker run -v`, for Podman, and for NixOS'
    `virtualisation.oci-containers.containers.<name>.volumes`. Each is self-contained, because these
    containers cannot read the store.

    # Type

    ```
    mkContainerVolumes :: { models :: [Derivation] | AttrSet, home :: String ? "/models" } -> [String]
    ```

    # Arguments

    models
    : Models made by `fetchModel`, as a list or an attribute set.

    home
    : `HF_HOME` in the container.

    # Example

    ```nix
    mkContainerVolumes { models = [ llama-2-7b ]; }
    => [ "/nix/store/…-llama-2-7b:/models/hub/models--meta-llama--Llama-2-7b-hf:ro" ]
    ```
  */
  mkContainerVolumes =
    given:
    let
      helper = import ./models.nix "mkContainerVolumes";
      inherit (arguments helper given "home" "/models") directory entries;
    in
    map (cacheName: "${helper.copied entries.${cacheName}}:${directory}/hub/${cacheName}:ro") (
      builtins.attrNames entries
    );
}
