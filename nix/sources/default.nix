# Source kinds: one file each, named by the attribute under `source`; that it is here is all that it
# takes. docs/adding-a-source.md walks through one. Each is an attribute set of
#
#   description     of the modules' option `source.<kind>`
#   example         for it
#   options         a function of nixpkgs' lib to the options that it has there
#   impureEnvVars   variables that its builds see
#   pythonPackages  a function of Python's packages to those that its builds want beside requests
#   normalise       a function of `fail` and what was given to
#
#     type       the kind, as `passthru.meta.sourceType` gives it
#     org model  names for the cache entry, null where the source has none
#     repo rev   for `passthru.meta`; rev is null until fetched where no commit is pinned
#     repoType   "model", "dataset" or "space"
#     hasCommits whether a `files` pin needs rev
#     identity   what decides the content, for the names of tree pins
#     spec       a function to the arguments as the bundled fetcher takes them: of null, or of a list of
#                paths if nothing is wanted but these files
let
  kinds = builtins.listToAttrs (
    builtins.concatMap (
      file:
      let
        # Editors leave files of other names here.
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
in
{
  inherit kinds;

  /**
    Checks `source` and turns it into the form above, with what its kind wants of builds.

    # Type

    ```
    normalise :: (String -> a) -> String -> AttrSet -> AttrSet
    ```

    # Arguments

    fail
    : Throws a message with the name of the model before it.

    where
    : The name of the argument: "source", "fallbacks".

    source
    : What the caller gave: exactly one attribute, a kind.
  */
  normalise =
    fail: where: source:
    let
      names = builtins.attrNames source;
      kind = builtins.head names;
      quoted = builtins.concatStringsSep ", " (builtins.attrNames kinds);
      # Kinds speak of `source.<kind>`.
      failHere = if where == "source" then fail else message: fail "in `${where}`: ${message}";
    in
    if builtins.length names != 1 then
      fail "`${where}` must have exactly one attribute (one of: ${quoted}), but has ${toString (builtins.length names)}"
    else if !(kinds ? ${kind}) then
      fail "`${where}.${kind}` is not a kind of source; there is: ${quoted}"
    else
      {
        inherit (kinds.${kind}) impureEnvVars pythonPackages;
      }
      // kinds.${kind}.normalise failHere source.${kind};
}
