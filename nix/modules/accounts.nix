/**
  Problems of `user` and `group`, which have to exist when `ai-models.service` starts.

  # Type

  ```
  accounts :: AttrSet -> [{ assertion :: Bool, message :: String }]
  ```
*/
{
  lib,
  config,
  # The path of their options.
  path,
  user,
  group,
}:
let
  users = config.users or { };
  isDeclared =
    accounts: name:
    lib.any (account: account.enable or true && account.name or "" == name) (
      lib.mapAttrsToList (key: account: { name = key; } // account) accounts
    );

  # A number is for an account that is not in the configuration. 65535 and 4294967295 mean none.
  isNumber =
    name:
    builtins.match "0|[1-9][0-9]{0,9}" name != null
    && lib.toInt name < 4294967295
    && name != "65535";
  isKnown = accounts: name: name == "root" || isNumber name || isDeclared accounts name;

  undeclared = option: name: line: {
    assertion = false;
    message =
      "${path}.${option} = \"${name}\" is not a declared ${option}: declare it with `${line}`, or, if it "
      + "exists outside of the configuration, set its number";
  };
  identifier = lib.strings.escapeNixIdentifier;
in
lib.optional (!(isKnown (users.users or { }) user)) (
  undeclared "user" user (
    "users.users.${identifier user} = { isSystemUser = true; group = \"${user}\"; }; "
    + "users.groups.${identifier user} = { };"
  )
)
++ lib.optional (!(isKnown (users.groups or { }) group)) (
  undeclared "group" group "users.groups.${identifier group} = { };"
)
