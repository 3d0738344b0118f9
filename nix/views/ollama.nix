# `integration.ollama`: a directory of models for Ollama (`OLLAMA_MODELS`).
let
  inherit (import ../util.nix) quote;
  inherit (import ./ollama-names.nix) isName;
  inherit (import ./placing.nix) fileProblem;
  types = import ../types;

  option = type: description: {
    type = types.nullOr type;
    default = null;
    inherit description;
  };

  texts = types.oneOrMore {
    description = "a text, or a list of texts";
    of = types.string;
    inherit (types.string) line meant;
    option = lib: lib.types.either lib.types.str (lib.types.listOf lib.types.str);
  };

  parameter = types.oneOrMore {
    description = "a string, a number, true or false, or a list of these";
    of.accepts =
      value:
      builtins.isString value
      || builtins.isInt value
      || builtins.isFloat value
      || builtins.isBool value;
    line = where: "${where} = 0.7";
    option =
      lib:
      let
        single = lib.types.oneOf [
          lib.types.bool
          lib.types.int
          lib.types.float
          lib.types.str
        ];
      in
      lib.types.either single (lib.types.listOf single);
  };
in
{
  description = "A model of Ollama: a directory for `OLLAMA_MODELS` that links to the model's file.";
  example = {
    name = "llama3.2:1b";
  };

  arguments = types.struct {
    main = "name";
    renamed = {
      model = types.use "name";
      parameters = types.use "params";
      prompt = types.use "system";
      tag = types.use "name";
    };
    fields = {
      enable = {
        type = types.bool;
        default = true;
        description = "Whether the model is there for Ollama.";
      };
      name = {
        type = types.string;
        missing = "write the name for Ollama, as in name = \"llama3.2:1b\"";
        description = "The name for Ollama: `[host/][namespace/]model[:tag]`.";
        example = "llama3.2:1b";
      };
      file = option types.string "The GGUF file, if the model has several.";
      template = option types.string "The prompt template, in Go's syntax. Null means that of the GGUF file.";
      system = option types.string "The system message.";
      params = {
        type = types.attrsOf {
          description = "an attribute set of parameters";
          name = "temperature";
          of = parameter;
        };
        default = { };
        description = "Parameters of Ollama's Modelfile, such as `temperature`, `num_ctx` and `stop`.";
        example = {
          num_ctx = 8192;
        };
      };
      license = option texts "The text of the licence that `ollama show --license` prints, or a list of texts.";
    };
  };

  isOn = given: given.enable;

  problem =
    checked: given:
    if !(isName given.name) then
      "`integration.ollama.name = ${quote given.name}` is not a name for Ollama: write `[host/][namespace/]model[:tag]` with letters, digits, . _ and -, as in \"llama3.2:1b\""
    else if given.file == null then
      null
    else
      fileProblem checked "integration.ollama.file" given.file;

  parts = checked: given: {
    ollama = [
      {
        inherit (given)
          name
          file
          template
          system
          params
          license
          ;
      }
    ];
  };
}
