# Strings in shell commands.
{
  /**
    The string in double quotes, in which the shell still expands variables such as `$HOME`.

    # Type

    ```
    expandable :: String -> String
    ```
  */
  expandable =
    string: "\"${builtins.replaceStrings [ "\\" "\"" "`" ] [ "\\\\" "\\\"" "\\`" ] string}\"";

  /**
    The string in single quotes, in which the shell expands nothing.

    # Type

    ```
    literal :: String -> String
    ```
  */
  literal = string: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] string}'";
}
