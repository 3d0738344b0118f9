# What messages about values of wrong types say.
let
  inherit (import ../util.nix) match quote;

  isSet = value: builtins.isAttrs value && value.type or null != "derivation";

  # A value is never converted to a string here, because that would copy a path to the store.
  kindOf =
    value:
    if builtins.isAttrs value && !(isSet value) then
      "a derivation"
    else
      {
        bool = "a boolean";
        float = "a float";
        int = "an integer";
        lambda = "a function";
        list = "a list";
        null = "null";
        path = "a path";
        set = "an attribute set";
        string = "a string";
      }
      .${builtins.typeOf value} or "something else";

  # Nothing of a URL is shown, because it may contain a password.
  isShown = value: builtins.isString value && match "[^:@]{1,100}" value != null;

  # The arguments of a function have no place themselves.
  join =
    where: name:
    let
      attribute = if match "[a-zA-Z_][a-zA-Z0-9_'-]*" name != null then name else quote name;
    in
    if where == "" then attribute else "${where}.${attribute}";

  show =
    value:
    if isShown value || value == "" then
      quote value
    else if builtins.isInt value || builtins.isBool value then
      builtins.toJSON value
    else if builtins.isList value && value != [ ] && builtins.all isShown value then
      "[ ${builtins.concatStringsSep " " (map quote value)} ]"
    else if builtins.isString value then
      "\"…\""
    else
      "…";

  assign = where: value: "`${where} = ${show value}`";

  mustBe =
    type: where: value: found:
    let
      meant = type.meant where value;
      line = if meant == null then type.line where else meant;
    in
    "`${where}` must be ${type.description}, but ${found}: write `${line}`";

  isOther = type: where: value: mustBe type where value "is ${kindOf value}";

  make =
    declared:
    let
      type = {
        meant = _where: _value: null;
        explain = isOther type;
      }
      // declared;
    in
    type;
in
{
  /**
    Whether a value is an attribute set, and not a derivation.

    # Type

    ```
    isSet :: a -> Bool
    ```
  */
  inherit isSet;

  /**
    Whether a value may be part of a message: a short string that is not a URL.

    # Type

    ```
    isShown :: a -> Bool
    ```
  */
  inherit isShown;

  /**
    What kind of value it is, as in "a list".

    # Type

    ```
    kindOf :: a -> String
    ```
  */
  inherit kindOf;

  /**
    The place of an attribute of what is at a place.

    # Type

    ```
    join :: String -> String -> String
    ```
  */
  inherit join;

  /**
    The line that sets a place to a value, as far as the value may be shown.

    # Type

    ```
    assign :: String -> a -> String
    ```
  */
  inherit assign;

  /**
    The message that a value must be of a type, with what was found, and the line to write.

    # Type

    ```
    mustBe :: Type -> String -> a -> String -> String
    ```
  */
  inherit mustBe;

  /**
    The same for a value of another kind.

    # Type

    ```
    isOther :: Type -> String -> a -> String
    ```
  */
  inherit isOther;

  /**
    A type from what is special about it.

    # Type

    ```
    make :: AttrSet -> Type
    ```
  */
  inherit make;
}
