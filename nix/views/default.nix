# Integrations whose results are views (./view.nix): one file each, named by the attribute under `integration`.
# Each is an attribute set of
#
#   description  of the modules' option `models.<name>.integration.<kind>`
#   example      for that option
#   arguments    the type of its arguments: see ../types
#   isOn         a function from the arguments, with their defaults, to whether there is a view
#   problem      a function from the model's arguments and these to what is wrong, or null
#   parts        a function from the same to the parts of the view's spec: `links`, `texts`, `ollama`
#
# `directory` has a view for each name, and `problem` and `parts` that take the name before the last argument.
let
  inherit (import ../util.nix) firstOf;
  types = import ../types;

  kinds = {
    comfyui = import ./comfyui.nix;
    lmstudio = import ./lmstudio.nix;
    ollama = import ./ollama.nix;
    triton = import ./triton.nix;
  };
  directory = import ./directory.nix;

  # The kinds that are given, with their defaults.
  complete =
    integration:
    builtins.mapAttrs (kind: given: (kinds.${kind}.arguments.defaults or { }) // given) (
      builtins.removeAttrs (builtins.intersectAttrs kinds integration) (
        builtins.filter (kind: integration.${kind} == null) (builtins.attrNames integration)
      )
    );

  isOn = completed: kind: kinds.${kind}.isOn completed.${kind};
in
{
  /**
    The declarations of the arguments in `integration` but for `huggingface`.

    # Type

    ```
    fields :: AttrSet
    ```
  */
  fields =
    builtins.mapAttrs (_name: kind: {
      type = types.nullOr kind.arguments;
      default = null;
      inherit (kind) description example;
    }) kinds
    // {
      directory = {
        type = directory.arguments;
        default = { };
        inherit (directory) description example;
      };
    };

  /**
    What is wrong with the integrations of a model, or null.

    # Type

    ```
    problem :: AttrSet -> AttrSet -> String | Null
    ```

    # Arguments

    checked
    : The arguments of the model, as ../arguments.nix returns them.

    integration
    : What the caller wrote.
  */
  problem =
    checked: integration:
    let
      completed = complete integration;
      directories = integration.directory or { };
    in
    firstOf (
      map (
        kind: if isOn completed kind then kinds.${kind}.problem checked completed.${kind} else null
      ) (builtins.attrNames completed)
      ++ map (name: directory.problem checked name directories.${name}) (
        builtins.attrNames directories
      )
    );

  /**
    The parts of the view's spec for each integration that is on: attributes as in `passthru.integration`.

    # Type

    ```
    parts :: AttrSet -> AttrSet -> AttrSet
    ```
  */
  parts =
    checked: integration:
    let
      completed = complete integration;
      on = builtins.filter (isOn completed) (builtins.attrNames completed);
      directories = integration.directory or { };
    in
    builtins.listToAttrs (
      map (kind: {
        name = kind;
        value = kinds.${kind}.parts checked completed.${kind};
      }) on
    )
    // (
      if directories == { } then
        { }
      else
        { directory = builtins.mapAttrs (directory.parts checked) directories; }
    );
}
