# Types of single values.
let
  inherit (import ../util.nix) match quote;
  inherit (import ./messages.nix)
    isOther
    isShown
    make
    mustBe
    ;

  string = make {
    description = "a string";
    accepts = builtins.isString;
    line = where: "${where} = \"…\"";
    # Without quotes, `org/name` is a path.
    explain =
      where: value:
      if builtins.isPath value then
        "`${where}` must be a string, but is a path: write it in quotes, `${string.line where}`"
      else
        isOther string where value;
    meant =
      where: value:
      if builtins.isInt value then
        "${where} = \"${toString value}\""
      else if builtins.isList value && builtins.length value == 1 && isShown (builtins.head value) then
        "${where} = ${quote (builtins.head value)}"
      else
        null;
    option = lib: lib.types.str;
  };
in
{
  /**
    A string.

    # Type

    ```
    string :: Type
    ```
  */
  inherit string;

  /**
    A boolean.

    # Type

    ```
    bool :: Type
    ```
  */
  bool = make {
    description = "true or false";
    accepts = builtins.isBool;
    line = where: "${where} = true";
    meant =
      where: value:
      let
        words = {
          "0" = "false";
          "1" = "true";
          false = "false";
          no = "false";
          off = "false";
          on = "true";
          true = "true";
          yes = "true";
        };
        word = if builtins.isInt value || builtins.isString value then toString value else "";
      in
      if words ? ${word} then "${where} = ${words.${word}}" else null;
    option = lib: lib.types.bool;
  };

  /**
    A number of bytes.

    # Type

    ```
    size :: Type
    ```
  */
  size =
    let
      type = make {
        description = "an integer of at least 0";
        accepts = value: builtins.isInt value && value >= 0;
        line = where: "${where} = 609";
        meant =
          where: value:
          if builtins.isString value && match "[0-9]{1,18}" value != null then
            "${where} = ${value}"
          else
            null;
        option = lib: lib.types.ints.unsigned;
        explain =
          where: value:
          if builtins.isInt value then
            mustBe type where value "is ${toString value}"
          else
            isOther type where value;
      };
    in
    type;

  /**
    One of at least two strings.

    # Type

    ```
    enum :: [String] -> Type
    ```
  */
  enum =
    values:
    let
      last = builtins.length values - 1;
      quoted = map quote values;
      firsts = builtins.genList (builtins.elemAt quoted) last;
      type = make {
        description = "${builtins.concatStringsSep ", " firsts} or ${builtins.elemAt quoted last}";
        accepts = value: builtins.elem value values;
        line = where: "${where} = ${builtins.head quoted}";
        explain =
          where: value:
          if builtins.isString value then
            "`${where} = ${quote value}` is not ${type.description}"
          else
            isOther type where value;
        option = lib: lib.types.enum values;
      };
    in
    type;

  /**
    Null, or a value of a type.

    # Type

    ```
    nullOr :: Type -> Type
    ```
  */
  nullOr =
    type:
    type
    // {
      accepts = value: value == null || type.accepts value;
      option = lib: lib.types.nullOr (type.option lib);
    };

  /**
    Any value, for what is checked elsewhere.

    # Type

    ```
    any :: Type
    ```
  */
  any = make {
    description = "anything";
    accepts = _value: true;
    line = where: "${where} = …";
  };
}
