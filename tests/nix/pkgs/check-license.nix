# What nixpkgs' check-meta.nix does with `meta.license`: `checkLicense attrs value` is the value, if the
# attributes of `mkDerivation` have no licence that the configuration refuses.
{ config, lib }:
let
  allowsAll = config.allowUnfree or false || builtins.getEnv "NIXPKGS_ALLOW_UNFREE" == "1";

  isFree =
    license:
    if license.licenseType == "simple" then
      license.free
    else if license.licenseType == "compound" then
      (if license.operator == "OR" then builtins.any else builtins.all) isFree license.licenses
    else if license.licenseType == "exception" then
      isFree license.license && isFree license.exception
    else
      isFree license.license;

  isUnfree =
    license:
    if license ? licenseType then
      !(isFree license)
    else if builtins.isAttrs license then
      !(license.free or true)
    else if builtins.isString license then
      false
    else
      builtins.any (one: !one.free or false) license;

  nameOf =
    license:
    toString (
      map (one: one.shortName or one.fullName or "unknown") (
        if builtins.isList license then license else [ license ]
      )
    );

  isAllowed =
    attrs:
    builtins.elem (lib.getName attrs) (config.allowUnfreePackages or [ ])
    || (config.allowUnfreePredicate or (_attrs: false)) attrs;
in
attrs: value:
if allowsAll || !(attrs ? meta.license && isUnfree attrs.meta.license) || isAllowed attrs then
  value
else
  throw "Package ‘${attrs.name}’ in «unknown-file» has an unfree license (‘${nameOf attrs.meta.license}’), refusing to evaluate."
