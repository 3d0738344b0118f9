# Kinds of sources: one file each, named by the attribute under `source` and found by being here.
# docs/adding-a-source.md walks through one. Each is an attribute set of
#
#   description     of the modules' option `source.<kind>`
#   example         for that option
#   arguments       the type of its arguments, which also declares the options below it: see ../types
#   impureEnvVars   variables that its builds see
#   pythonPackages  a function from Python's packages to those that its builds need besides requests
#   normalise       a function from `fail` and the arguments, with their defaults, to
#
#     type       the kind, for `passthru.meta.sourceType`
#     org model  names for the cache entry, null if the source has none
#     repo rev   for `passthru.meta`; rev is null if no commit is pinned
#     repoType   "model", "dataset", "space" or "kernel"
#     hasCommits whether a `files` pin needs rev
#     identity   what decides the content, for the names of tree pins
#     isByPath   whether `spec` depends on the paths; absent, it may
#     spec       a function to the arguments for the bundled fetcher: from null, or from a list of paths
#                to fetch only these files
let
  inherit (import ../util.nix) plainName;
  types = import ../types;

  kinds = builtins.listToAttrs (
    builtins.concatMap (
      file:
      let
        # Editors leave files with other names here.
        name = builtins.match "([a-z0-9-]+)[.]nix" file;
      in
      if name == null || file == "default.nix" then
        [ ]
      else
        [
          {
            name = builtins.head name;
            value = import (./. + "/${file}");
          }
        ]
    ) (builtins.attrNames (builtins.readDir ./.))
  );

  otherNames = {
    hf = "huggingface";
    hub = "huggingface";
    huggingface = "huggingface";
    huggingfacehub = "huggingface";
    aws = "s3";
    bucket = "s3";
    s3 = "s3";
    http = "url";
    https = "url";
    url = "url";
    urls = "url";
  };
in
{
  /**
    The kinds by their names, each as described above.

    # Type

    ```
    kinds :: AttrSet
    ```
  */
  inherit kinds;

  /**
    The type of `source`. `normalise` checks what it contains.

    # Type

    ```
    type :: Type
    ```
  */
  type = types.shallow (
    types.struct {
      # What is meant by "org/name".
      main = "huggingface";
      fields = builtins.mapAttrs (_name: kind: {
        type = types.nullOr kind.arguments;
        default = null;
        inherit (kind) description example;
      }) kinds;
    }
  );

  /**
    Checks `source` and turns it into the form above.

    # Type

    ```
    normalise :: (String -> a) -> String -> AttrSet -> AttrSet
    ```

    # Arguments

    fail
    : What to do with a message: throw it, or return it as the result.

    where
    : The name of the argument: "source", "fallbacks".

    source
    : The caller's argument: exactly one attribute, a kind.
  */
  normalise =
    fail: where: source:
    let
      names = builtins.attrNames source;
      kind = builtins.head names;
      meant = otherNames.${plainName kind} or null;
      quoted = builtins.concatStringsSep ", " (builtins.attrNames kinds);
      advice =
        if meant == null then "; use one of: ${quoted}" else ": write `${where}.${meant} = { … }`";
      inherit (kinds.${kind}) arguments;
      # Messages of a kind name `source.<kind>`.
      failHere = if where == "source" then fail else message: fail "in `${where}`: ${message}";
    in
    if builtins.length names != 1 then
      fail "`${where}` must have exactly one attribute (one of: ${quoted}), but has ${toString (builtins.length names)}"
    else if !(kinds ? ${kind}) then
      fail "`${where}.${kind}` is not a kind of source${advice}"
    else
      types.check failHere "source.${kind}" arguments source.${kind} (
        kinds.${kind}.normalise failHere
      );
}
