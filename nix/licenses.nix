# Licences of models for nixpkgs. A licence is a value for `meta.license` of a package, or a name as on the
# Hub: SPDX, in lower case.
lib:
let
  # The most frequent names: these need no search.
  attributes = {
    "agpl-3.0" = "agpl3Only";
    "apache-2.0" = "asl20";
    "bsd-2-clause" = "bsd2";
    "bsd-3-clause" = "bsd3";
    "cc-by-4.0" = "cc-by-40";
    "cc-by-nc-4.0" = "cc-by-nc-40";
    "cc-by-nc-nd-4.0" = "cc-by-nc-nd-40";
    "cc-by-nc-sa-4.0" = "cc-by-nc-sa-40";
    "cc-by-sa-4.0" = "cc-by-sa-40";
    "cc0-1.0" = "cc0";
    "gpl-2.0" = "gpl2Only";
    "gpl-3.0" = "gpl3Only";
    "lgpl-2.1" = "lgpl21Only";
    "lgpl-3.0" = "lgpl3Only";
    "mpl-2.0" = "mpl20";
  };

  # Names that nixpkgs does not have: families, and licences of data.
  free = {
    "bsd" = "a BSD licence";
    "cc-by-2.5" = "Creative Commons Attribution 2.5";
    "cdla-permissive-1.0" = "Community Data License Agreement Permissive 1.0";
    "cdla-permissive-2.0" = "Community Data License Agreement Permissive 2.0";
    "cdla-sharing-1.0" = "Community Data License Agreement Sharing 1.0";
    "etalab-2.0" = "Etalab Open License 2.0";
    "gfdl" = "a GNU Free Documentation License";
    "gpl" = "a GNU General Public License";
    "lgpl" = "a GNU Lesser General Public License";
    "lgpl-lr" = "Lesser General Public License For Linguistic Resources";
    "odc-by" = "Open Data Commons Attribution License";
    "openmdw-1.0" = "OpenMDW License Agreement 1.0";
    "openmdw-1.1" = "OpenMDW License Agreement 1.1";
    "pddl" = "Open Data Commons Public Domain Dedication and License";
  };

  # All others are unfree. These have a name of their own, and nothing is searched for them.
  unfree = {
    "bigcode-openrail-m" = "BigCode OpenRAIL-M";
    "bigscience-bloom-rail-1.0" = "BigScience RAIL License 1.0";
    "bigscience-openrail-m" = "BigScience OpenRAIL-M";
    "creativeml-openrail-m" = "CreativeML OpenRAIL-M";
    "gemma" = "Gemma Terms of Use";
    "llama2" = "Llama 2 Community License";
    "llama3" = "Llama 3 Community License";
    "llama3.1" = "Llama 3.1 Community License";
    "llama3.2" = "Llama 3.2 Community License";
    "llama3.3" = "Llama 3.3 Community License";
    "llama4" = "Llama 4 Community License";
    "openrail" = "an Open Responsible AI License";
    "openrail++" = "CreativeML Open RAIL++-M";
  };

  # What the Hub calls licences that it does not know.
  unknown = {
    cc = null;
    other = null;
    unknown = null;
  };

  # Without `free`, which nixpkgs reads of everything with a `licenseType`.
  undecided = name: {
    shortName = name;
    fullName = name;
  };
  decided = free: shortName: fullName: {
    licenseType = "simple";
    inherit free fullName shortName;
  };

  isLicense = value: builtins.isAttrs value && (value ? free || value ? fullName);

  # The Hub uses the older SPDX names of GNU licences.
  hasName =
    name: license:
    isLicense license
    && license ? spdxId
    && builtins.elem (lib.toLower license.spdxId) [
      name
      "${name}-only"
    ];

  lookUp =
    given:
    let
      name = lib.toLower given;
      attribute = attributes.${name} or name;
      found = builtins.filter (hasName name) (lib.attrValues lib.licenses);
    in
    if unknown ? ${name} then
      undecided given
    else if isLicense (lib.licenses.${attribute} or null) then
      lib.licenses.${attribute}
    else if unfree ? ${name} then
      decided false given unfree.${name}
    else if found != [ ] then
      builtins.head found
    else
      decided (free ? ${name}) given free.${name} or given;

  # The parts of a licence, if there are several, and whether all or one of them must be complied with.
  parts =
    license:
    let
      type = license.licenseType or null;
    in
    if builtins.isList license then
      {
        all = true;
        licenses = license;
      }
    else if !builtins.isAttrs license then
      null
    else if type == "compound" then
      {
        all = license.operator != "OR";
        inherit (license) licenses;
      }
    else if type == "exception" then
      {
        all = true;
        licenses = [
          license.license
          license.exception
        ];
      }
    else if type == "plus" then
      {
        all = true;
        licenses = [ license.license ];
      }
    else
      null;

  # 0: free, 1: unknown, 2: unfree.
  rank =
    license:
    let
      several = parts license;
      ranks = map rank several.licenses;
      pick = keep: builtins.foldl' (a: b: if keep a b then a else b);
    in
    if several != null then
      if several.all then pick (a: b: a > b) 0 ranks else pick (a: b: a < b) 2 ranks
    else if builtins.isString license then
      let
        found = lookUp license;
      in
      if !(found ? free) then
        1
      else if found.free then
        0
      else
        2
    else if license.free or true then
      0
    else
      2;

  isUnfree = license: rank license > 0;

  nameOf =
    license:
    let
      several = parts license;
      name =
        part: if builtins.isAttrs part && parts part != null then "(${nameOf part})" else nameOf part;
      separator =
        if builtins.isList license then
          ", "
        else if license.licenseType == "plus" then
          ""
        else
          " ${license.operator} ";
    in
    if several != null then
      "${lib.concatMapStringsSep separator name several.licenses}${
        if !builtins.isList license && license.licenseType == "plus" then "+" else ""
      }"
    else if builtins.isAttrs license then
      license.spdxId or license.shortName or license.fullName or "unknown"
    else
      license;

  # nixpkgs reads `free` of each part of a compound licence.
  isComplete =
    license:
    builtins.isAttrs license
    && license ? licenseType
    && (
      let
        several = parts license;
      in
      if several == null then license ? free else builtins.all isComplete several.licenses
    );

  resolveOne =
    license:
    let
      name = nameOf license;
      isFree = rank license == 0;
    in
    if builtins.isString license then
      lookUp license
    else if parts license == null then
      { free = true; } // license
    else if isComplete license then
      {
        shortName = name;
        free = isFree;
      }
      // license
    else
      decided isFree name name;

  resolve =
    license:
    if rank license == 1 then
      # Not a list, of which nixpkgs refuses each licence without `free`.
      undecided (nameOf license)
    else if builtins.isList license then
      map resolveOne (flatten license)
    else
      resolveOne license;

  flatten = builtins.concatMap (
    license: if builtins.isList license then flatten license else [ license ]
  );
in
{
  /**
    A licence as nixpkgs understands it in `meta.license`: an attribute set with `free`, or a list of them.
    One of the Hub's words for licences that it does not know (such as `other`) has no `free`, and nixpkgs
    does not refuse it; any other name that is not known to be free is unfree.

    # Type

    ```
    resolve :: String | AttrSet | [String | AttrSet] -> AttrSet | [AttrSet]
    ```
  */
  inherit resolve;

  /**
    Whether a licence is unfree. One that is not known to be free counts as unfree.

    # Type

    ```
    isUnfree :: String | AttrSet | [String | AttrSet] -> Bool
    ```
  */
  inherit isUnfree;

  /**
    The name of a licence in messages.

    # Type

    ```
    nameOf :: String | AttrSet | [String | AttrSet] -> String
    ```
  */
  inherit nameOf;
}
