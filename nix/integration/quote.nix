# Strings in shell commands.
{
  /**
    Double-quoted for a shell that shall still expand `$HOME`.

    # Type

    ```
    expandable :: String -> String
    ```
  */
  expandable =
    string: "\"${builtins.replaceStrings [ "\\" "\"" "`" ] [ "\\\\" "\\\"" "\\`" ] string}\"";

  /**
    Single-quoted for a shell that shall expand nothing.

    # Type

    ```
    literal :: String -> String
    ```
  */
  literal = string: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] string}'";
}
