# Types of lists.
let
  inherit (import ../util.nix) quote;
  inherit (import ./messages.nix)
    isOther
    isShown
    kindOf
    make
    mustBe
    ;
  inherit (import ./scalars.nix) string;

  listOf =
    { of, ... }@declared:
    let
      type = make {
        accepts = value: builtins.isList value && builtins.all of.accepts value;
        explain =
          where: value:
          let
            at = builtins.elemAt value;
            numbers = builtins.genList (number: number) (builtins.length value);
            wrong = builtins.head (builtins.filter (number: !(of.accepts (at number))) numbers);
          in
          if builtins.isList value then
            mustBe type where value "its element ${toString (wrong + 1)} is ${kindOf (at wrong)}"
          else
            isOther type where value;
      }
      // removeAttrs declared [ "of" ];
    in
    type;

  oneOrMore =
    { of, ... }@declared:
    let
      list = listOf declared;
    in
    list // { accepts = value: of.accepts value || list.accepts value; };
in
{
  /**
    A list of strings.

    # Type

    ```
    strings :: Type
    ```
  */
  strings = listOf {
    description = "a list of strings";
    of = string;
    line = where: "${where} = [ \"…\" ]";
    meant = where: value: if isShown value then "${where} = [ ${quote value} ]" else null;
    option = lib: lib.types.listOf lib.types.str;
  };

  /**
    A string, or a list of strings.

    # Type

    ```
    stringOrStrings :: Type
    ```
  */
  stringOrStrings = oneOrMore {
    description = "a string, or a list of strings to try in order";
    of = string;
    inherit (string) line meant;
    option = lib: lib.types.either lib.types.str (lib.types.listOf lib.types.str);
  };

  /**
    A pattern of files, or a list of patterns.

    # Type

    ```
    patterns :: Type
    ```
  */
  patterns = oneOrMore {
    description = "a pattern of files, or a list of patterns";
    of = string;
    line = where: "${where} = [ \"*.safetensors\" ]";
    option = lib: lib.types.either lib.types.str (lib.types.listOf lib.types.str);
  };

  /**
    A list with elements of one type. The other attributes are as in every type.

    # Type

    ```
    listOf :: { of :: Type, description, line, … } -> Type
    ```
  */
  inherit listOf;

  /**
    The same, where a single element may also be written without a list.

    # Type

    ```
    oneOrMore :: { of :: Type, description, line, … } -> Type
    ```
  */
  inherit oneOrMore;
}
