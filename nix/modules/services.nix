# The environment of some system services.
{
  lib,
  # The path of the option, whose value is a list of units.
  path,
  services,
  environment,
  # Whether `ai-models.service` may start later than usual services.
  isLate,
  # Where other modules define `systemd.services`: a list of attribute sets.
  definitions,
}:
let
  names = lib.unique (map (lib.removeSuffix ".service") services);

  # What `mkIf` and `mkMerge` leave of a definition.
  isEmpty =
    definition:
    let
      type = definition._type or null;
    in
    if type == "if" then
      !definition.condition || isEmpty definition.content
    else
      type == "merge" && lib.all isEmpty definition.contents;

  isDefined = name: lib.any (units: units ? ${name} && !(isEmpty units.${name})) definitions;

  advice =
    name:
    let
      template = lib.head (lib.splitString "@" name) + "@";
    in
    if name != template && isDefined template then
      "write \"${template}\", which is for all of its instances"
    else
      "correct the name; for a unit of `systemd.packages`, add "
      + "`systemd.services.${lib.strings.escapeNixIdentifier name} = { };`";
in
{
  /**
    Problems: units that only we would define, and which would be empty.

    # Type

    ```
    assertions :: [{ assertion :: Bool, message :: String }]
    ```
  */
  assertions = map (name: {
    assertion = isDefined name;
    message = "${path} contains \"${name}\", which no module defines in `systemd.services`: ${advice name}";
  }) names;

  /**
    Definitions of `systemd.services`. Services that set a variable themselves keep their value.

    # Type

    ```
    units :: AttrSet
    ```
  */
  units = lib.genAttrs names (
    _name:
    {
      environment = lib.mapAttrs (_variable: lib.mkDefault) environment;
    }
    // lib.optionalAttrs isLate {
      after = [ "ai-models.service" ];
      wants = [ "ai-models.service" ];
    }
  );
}
