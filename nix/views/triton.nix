# `integration.triton`: `MODEL/VERSION/FILE` and `MODEL/config.pbtxt`, a model repository of Triton.
let
  inherit (import ../util.nix) quote;
  inherit (import ./placing.nix) isLabel modelLinks selectionProblem;
  types = import ../types;

  modelOf = checked: given: if given.model != null then given.model else checked.name;
  selected = given: if given.files != null then given.files else "*";
  directory = checked: given: "${modelOf checked given}/${toString given.version}/";
in
{
  description = "A model of the Triton inference server: `MODEL/VERSION/FILE` and `MODEL/config.pbtxt`.";
  example = {
    model = "bert";
    files."model.onnx" = "onnx/model.onnx";
  };

  arguments = types.struct {
    main = "model";
    renamed = {
      name = types.use "model";
      pbtxt = types.use "config";
      configpbtxt = types.use "config";
      file = types.use "files";
    };
    fields = {
      model = {
        type = types.nullOr types.string;
        default = null;
        description = "The name of the model for Triton. Null means the name of the model here.";
        example = "bert";
      };
      version = {
        type = types.size;
        default = 1;
        description = "The version, which is the name of the directory with the files: a number of at least 1.";
      };
      config = {
        type = types.nullOr types.string;
        default = null;
        description = "The text of `config.pbtxt`. Null leaves the file out.";
        example = ''
          backend: "onnxruntime"
        '';
      };
      files = {
        type = types.nullOr types.selection;
        default = null;
        description = "The files: a pattern, a list of patterns, or an attribute set of files by new names. Null means all.";
        example = {
          "model.onnx" = "onnx/model.onnx";
        };
      };
    };
  };

  isOn = _given: true;

  problem =
    checked: given:
    let
      model = modelOf checked given;
    in
    if given.version < 1 then
      "`integration.triton.version = ${toString given.version}` is not a number of at least 1"
    else if !(isLabel model) then
      "`integration.triton.model` is ${quote model}: use letters, digits, . _ and -, as in `integration.triton.model = \"bert\"`"
    else
      selectionProblem checked "integration.triton.files" (directory checked given) (
        selected given
      );

  parts =
    checked: given:
    {
      links = modelLinks "integration.triton" (directory checked given) (selected given);
    }
    // (
      if given.config == null then
        { }
      else
        { texts."${modelOf checked given}/config.pbtxt" = given.config; }
    );
}
