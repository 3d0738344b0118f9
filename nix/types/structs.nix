# Types of attribute sets.
let
  inherit (import ../util.nix) plainName quote;
  inherit (import ./messages.nix)
    assign
    isOther
    isSet
    isShown
    join
    kindOf
    make
    ;

  use =
    name: where: value:
    assign (join where name) value;

  attrsOf =
    {
      description,
      name,
      of,
      place ? join,
    }:
    let
      type = make {
        inherit description;
        accepts = value: builtins.isAttrs value && builtins.all of.accepts (builtins.attrValues value);
        line = where: of.line (place where name);
        explain =
          where: value:
          let
            wrong = builtins.filter (attribute: !(of.accepts value.${attribute})) (
              builtins.attrNames value
            );
            attribute = builtins.head wrong;
          in
          if isSet value then
            of.explain (place where attribute) value.${attribute}
          else
            isOther type where value;
        option = lib: lib.types.attrsOf (of.option lib);
      };
    in
    type;
in
{
  /**
    The line that sets an attribute of what is at a place; for `renamed` of `struct`.

    # Type

    ```
    use :: String -> String -> a -> String
    ```
  */
  inherit use;

  /**
    An attribute set with values of one type, by paths of files.

    # Type

    ```
    byPath :: Type -> Type
    ```
  */
  byPath =
    of:
    attrsOf {
      description = "an attribute set of files by their paths";
      name = "PATH";
      place = where: path: "${where}.${quote path}";
      inherit of;
    };

  /**
    An attribute set with values of one type, by other names.

    # Type

    ```
    attrsOf :: { description :: String, name :: String, of :: Type, place ? … } -> Type
    ```

    # Arguments

    description
    : What it is, for messages.

    name
    : What stands for a name in examples.

    of
    : The type of the values.

    place
    : A function from the place of the attribute set and a name to the place of a value.
  */
  inherit attrsOf;

  /**
    An attribute set with a type for each attribute.

    # Type

    ```
    struct :: { main :: String, fields :: AttrSet, renamed ? { }, read ? … } -> Type
    ```

    # Arguments

    main
    : The attribute that is meant by a value without an attribute set, and that examples have.

    fields
    : For each attribute its `type`, and either its `default` or, for a required one, in `missing` what to
      write. For the options of the modules, also `description` and `example`.

    renamed
    : What to write for other names, in lower case and without punctuation: functions from the place of the
      attribute set and the value, such as `use "ref"`.

    read
    : A function from the place and another value than an attribute set to the line that was meant, or to null.

    # Result

    A type, with its `fields`, `renamed`, the `defaults`, and `options`: a function from nixpkgs' lib to the
    options of the modules.
  */
  struct =
    {
      main,
      fields,
      renamed ? { },
      read ? _where: _value: null,
    }:
    let
      known = builtins.attrNames fields;
      optional = removeAttrs fields (builtins.filter (name: !(fields.${name} ? default)) known);
      required = builtins.mapAttrs (_name: _field: null) (
        removeAttrs fields (builtins.attrNames optional)
      );
      accepts = builtins.mapAttrs (_name: field: field.type.accepts) fields;

      # One function for all attributes, because models can have thousands of files.
      acceptsEach = builtins.foldl' (
        rest: name: value: (!(value ? ${name}) || accepts.${name} value.${name}) && rest value
      ) (_value: true) known;
      inherit (fields.${main}) type;

      # What to write for an attribute that is not known.
      advice =
        where: name: value:
        let
          plain = plainName name;
          same = builtins.filter (field: plainName field == plain) known;
        in
        if same != [ ] then
          ": write ${use (builtins.head same) where value}"
        else if renamed ? ${plain} then
          ": write ${renamed.${plain} where value}"
        else
          "; use one of: ${builtins.concatStringsSep ", " known}";

      struct = make {
        description = "an attribute set";
        accepts =
          value:
          builtins.isAttrs value
          && removeAttrs value known == { }
          && builtins.intersectAttrs value required == required
          && acceptsEach value;
        line = where: type.line (join where main);
        meant =
          where: value:
          let
            place = join where main;
            line = read where value;
          in
          if line != null then
            line
          else if !(type.accepts value) then
            type.meant place value
          else if isShown value then
            "${place} = ${quote value}"
          else if builtins.isInt value || builtins.isBool value then
            "${place} = ${builtins.toJSON value}"
          else
            null;
        explain =
          where: value:
          let
            names = builtins.attrNames value;
            unknown = builtins.attrNames (removeAttrs value known);
            missing = builtins.attrNames (removeAttrs required names);
            wrong = builtins.filter (name: !(accepts.${name} value.${name})) names;
            first = builtins.head (
              if unknown != [ ] then
                unknown
              else if missing != [ ] then
                missing
              else
                wrong
            );
            place = join where first;
          in
          if !(isSet value) && where == "" then
            "the arguments must be ${struct.description}, but are ${kindOf value}: write `{ ${struct.line where}; }`"
          else if !(isSet value) then
            isOther struct where value
          else if unknown != [ ] then
            "`${place}` is not known${advice where first value.${first}}"
          else if missing != [ ] then
            "`${place}` is missing: ${fields.${first}.missing}"
          else
            fields.${first}.type.explain place value.${first}
            + (if value.${first} == null && optional ? ${first} then ", or leave it out" else "");
        option = lib: lib.types.submodule { options = struct.options lib; };

        inherit fields renamed;
        defaults = builtins.mapAttrs (_name: field: field.default) optional;
        options =
          lib:
          builtins.mapAttrs (
            _name: field:
            lib.mkOption (
              removeAttrs field [
                "missing"
                "type"
              ]
              // {
                type = field.type.option lib;
              }
            )
          ) fields;
      };
    in
    struct;

  /**
    The same attribute set, of which the attributes are checked elsewhere.

    # Type

    ```
    shallow :: Type -> Type
    ```
  */
  shallow = struct: struct // { accepts = isSet; };

  /**
    The same attribute set, which may have others than the known attributes.

    # Type

    ```
    open :: Type -> Type
    ```
  */
  open =
    struct:
    let
      known = value: if isSet value then builtins.intersectAttrs struct.fields value else value;
    in
    struct
    // {
      accepts = value: struct.accepts (known value);
      explain = where: value: struct.explain where (known value);
    };

  /**
    Checks the arguments of a function, or a part of them, and goes on with the same and their defaults.

    # Type

    ```
    check :: (String -> a) -> String -> Type -> b -> (AttrSet -> a) -> a
    ```

    # Arguments

    fail
    : What to do with the message about the first mistake: throw it, or return it as the result.

    where
    : The name of the part in messages; "" for the arguments themselves.

    struct
    : As `struct` makes it.

    given
    : What the caller wrote.

    continue
    : A function from the arguments with their defaults.
  */
  check =
    fail: where: struct: given: continue:
    if struct.accepts given then
      continue (struct.defaults // given)
    else
      fail (struct.explain where given);
}
