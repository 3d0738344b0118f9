# `integration.lmstudio`: `ORG/MODEL/FILE.gguf`, below `~/.lmstudio/models`.
let
  inherit (import ../names.nix) isRepoPart;
  inherit (import ../util.nix) quote;
  types = import ../types;

  names = checked: given: {
    org = if given.org != null then given.org else checked.org;
    model = if given.model != null then given.model else checked.model;
  };
in
{
  description = "A model of LM Studio: `ORG/MODEL/FILE.gguf`, for each GGUF file.";
  example = { };

  arguments = types.struct {
    main = "enable";
    fields = {
      enable = {
        type = types.bool;
        default = true;
        description = "Whether the model is there for LM Studio.";
      };
      org = {
        type = types.nullOr types.string;
        default = null;
        description = "The name of the publisher. Null means the organisation in the cache.";
        example = "lmstudio-community";
      };
      model = {
        type = types.nullOr types.string;
        default = null;
        description = "The name of the model. Null means that in the cache.";
        example = "Llama-3.2-1B-Instruct-GGUF";
      };
    };
  };

  isOn = given: given.enable;

  problem =
    checked: given:
    let
      inherit (names checked given) org model;
      problemOf =
        attribute: value: example:
        if value == null then
          "`integration.lmstudio.${attribute}` is missing, and the source has no such name: write `integration.lmstudio.${attribute} = \"${example}\"`"
        else if !(isRepoPart value) then
          "`integration.lmstudio.${attribute}` is ${quote value}: use letters, digits, . _ and -"
        else
          null;
      first = problemOf "org" org "my-org";
    in
    if first != null then first else problemOf "model" model "my-model";

  parts =
    checked: given:
    let
      inherit (names checked given) org model;
    in
    {
      links = [
        {
          path = "${org}/${model}/";
          file = "*.gguf";
          option = "integration.lmstudio";
          line = "integration.lmstudio.model = \"%MODEL%\"";
          own = null;
        }
      ];
    };
}
