# `integration.lmstudio`: `ORG/MODEL/FILE`, below `~/.lmstudio/models`.
let
  inherit (import ../names.nix) isRepoPart;
  inherit (import ../util.nix) quote;
  inherit (import ./placing.nix) modelLinks selectionProblem;
  types = import ../types;

  selected = given: if given.files != null then given.files else "*.gguf";
  directory = { org, model }: "${org}/${model}/";

  names = checked: given: {
    org = if given.org != null then given.org else checked.org;
    model = if given.model != null then given.model else checked.model;
  };
in
{
  description = "A model of LM Studio: `ORG/MODEL` with the GGUF files, or with others.";
  example = { };

  arguments = types.struct {
    main = "enable";
    renamed.file = types.use "files";
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
      files = {
        type = types.nullOr types.selection;
        default = null;
        description = "The files: a pattern, a list of patterns, or an attribute set of files by new names. Null means `*.gguf`. MLX models have others: `\"./\"` takes all.";
        example = "./";
      };
    };
  };

  isOn = given: given.enable;

  problem =
    checked: given:
    let
      named = names checked given;
      inherit (named) org model;
      problemOf =
        attribute: value: example:
        if value == null then
          "`integration.lmstudio.${attribute}` is missing, and the source has no such name: write `integration.lmstudio.${attribute} = \"${example}\"`"
        else if !(isRepoPart value) then
          "`integration.lmstudio.${attribute}` is ${quote value}: use letters, digits, . _ and -"
        else
          null;
      ofOrg = problemOf "org" org "my-org";
      ofModel = problemOf "model" model "my-model";
    in
    if ofOrg != null then
      ofOrg
    else if ofModel != null then
      ofModel
    else
      selectionProblem checked "integration.lmstudio.files" (directory named) (selected given);

  parts = checked: given: {
    links = modelLinks "integration.lmstudio" (directory (names checked given)) (selected given);
  };
}
