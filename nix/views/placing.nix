# Where files of a model are in a directory: the checks that need no build, and the links for the spec of a view
# (./view.nix). aimodels_engines.directory does the rest, because only a build knows all files.
let
  inherit (import ../util.nix)
    firstOf
    match
    plainName
    quote
    ;
  inherit (import ../types/messages.nix) isSet;

  listOf = value: if builtins.isList value then value else [ value ];

  length = builtins.stringLength;
  endsWithSlash = path: path != "" && builtins.substring (length path - 1) 1 path == "/";

  nothing = where: "`${where}` is empty: write the name of a file of the model";

  isLabel = name: match "[0-9A-Za-z_][0-9A-Za-z_.-]*" name != null;

  isName = file: file != "" && !(endsWithSlash file) && match "[^*?[]*" file != null;

  partsOf = path: builtins.filter builtins.isString (builtins.split "/" path);

  pathProblem =
    where: path:
    let
      trimmed = if endsWithSlash path then builtins.substring 0 (length path - 1) path else path;
      parts = partsOf trimmed;
      wrong = builtins.filter (part: part == "" || part == "." || part == "..") parts;
    in
    if builtins.substring 0 1 path == "/" then
      "${where}: ${quote path} is an absolute path: write it without the first /"
    else if wrong != [ ] then
      "${where}: ${quote path} has a part ${quote (builtins.head wrong)}: write a path inside of the directory, such as \"dir/file\""
    else if match "[^[:cntrl:]]+" path == null then
      "${where}: ${quote path} is too long or has control characters: write another path"
    else if builtins.any (part: length part > 255) parts then
      "${where}: ${quote path} has a part of more than 255 bytes: write a shorter path"
    else
      null;

  fileProblem =
    checked: where: file:
    let
      single = if checked.files == null then { } else checked.files;
      bundled = if checked.bundle == null then { } else checked.bundle.files;
      paths = builtins.attrNames (single // bundled);
      plain = plainName (baseNameOf file);
      extension = match ".*([.][^./]+)" file;
      endsAlike = path: extension != null && match ".*([.][^./]+)" path == extension;
      sameName = builtins.filter (path: plainName (baseNameOf path) == plain) paths;
      sameKind = builtins.filter endsAlike paths;
      near =
        if sameName != [ ] then
          sameName
        else if sameKind != [ ] then
          sameKind
        else
          paths;
      count = builtins.length near;
      shown = builtins.genList (number: quote (builtins.elemAt near number)) (
        if count > 5 then 5 else count
      );
      more = if count > 5 then " and ${toString (count - 5)} more" else "";
    in
    if file == "" then
      "`${where}` is empty: write the name of a file of the model"
    else if checked.hash != null || single ? ${file} || bundled ? ${file} then
      null
    else
      "`${where}`: the model has no file ${quote file}; write one of: ${builtins.concatStringsSep ", " shown}${more}";

  # What a pattern matches is known when building. A directory (`dir/`) is a pattern, too.
  patternProblem =
    checked: where: pattern:
    if pattern == "" || isName pattern then fileProblem checked where pattern else null;

  renamedProblem =
    checked: where: given:
    firstOf (
      builtins.concatMap (
        name:
        let
          value = given.${name};
          at = "${where}.${quote name}";
        in
        [
          (
            if name == "" then
              "`${where}` has an empty path: write a path inside of the directory, such as \"dir/file\""
            else
              pathProblem "`${where}`" name
          )
        ]
        ++ (
          if value == [ ] then
            [ (nothing at) ]
          else if endsWithSlash name then
            map (patternProblem checked at) (listOf value)
          else if !(builtins.isString value) then
            [
              "`${at}` is one file, but has a list: write one file, or the path of a directory that ends in /, as in `${where}.${quote "${name}/"}`"
            ]
          else if endsWithSlash value then
            [
              "`${at}` is one file, but ${quote value} is a directory: write `${where}.${quote "${name}/"} = ${quote value}`"
            ]
          else
            [ (fileProblem checked at value) ]
        )
      ) (builtins.attrNames given)
    );

  # What to write for another place: %NEW% and %MODEL% are filled in. A directory of the model gets one of its own.
  otherName = file: if endsWithSlash file then "%MODEL%/" else "%NEW%";
  fileOf = file: if endsWithSlash file then quote file else "\"%FILE%\"";
  otherTable = where: file: "${where} = { \"${otherName file}\" = ${fileOf file}; }";

  renamedLinks =
    where: prefix: given:
    builtins.concatMap (
      name:
      map (file: {
        path = "${prefix}${name}";
        inherit file;
        option = "${where}.${quote name}";
        line = "${where}.\"${directoryOf name}${otherName file}\" = ${fileOf file}";
      }) (listOf given.${name})
    ) (builtins.attrNames given);

  # The directory of a path with its slash; that of a path with a slash at its end is the path.
  directoryOf =
    path:
    let
      directory = match "(.*/)[^/]*" path;
    in
    if directory == null then "" else builtins.head directory;

  selectionLinks =
    where: prefix: selection:
    let
      links =
        if isSet selection then
          renamedLinks where prefix selection
        else
          map (file: {
            path = prefix;
            inherit file;
            option = where;
          }) (listOf selection);
    in
    map (link: link // { line = otherTable where link.file; }) links;
in
{
  /**
    Whether a string can be what the user calls a directory: a letter, digit or `_`, then also `.` and `-`.

    # Type

    ```
    isLabel :: String -> Bool
    ```
  */
  inherit isLabel;

  /**
    Whether a string names a file, and is not a pattern.

    # Type

    ```
    isName :: String -> Bool
    ```
  */
  inherit isName;

  /**
    What is wrong with a path in a directory, or null. A slash at its end is allowed.

    # Type

    ```
    pathProblem :: String -> String -> String | Null
    ```
  */
  inherit pathProblem;

  /**
    The message that the model has no file of this name, or null. Of a tree pin the files are not known.

    # Type

    ```
    fileProblem :: AttrSet -> String -> String -> String | Null
    ```

    # Arguments

    checked
    : The arguments, as ../arguments.nix returns them.

    where
    : The argument with the name of the file.

    file
    : Path of the file in the model.
  */
  inherit fileProblem;

  /**
    What is wrong with an attribute set from paths to files, or null. Paths that end in `/` have patterns, or
    directories of the model (`dir/`; `./` is the whole model), whose files keep their paths below them.

    # Type

    ```
    renamedProblem :: AttrSet -> String -> AttrSet -> String | Null
    ```

    # Arguments

    checked
    : The arguments, as ../arguments.nix returns them.

    where
    : The argument with the attribute set.

    given
    : The attribute set.
  */
  inherit renamedProblem;

  /**
    The links for the same, below `prefix`, which is "" or a directory with a slash.

    # Type

    ```
    renamedLinks :: String -> String -> AttrSet -> [AttrSet]
    ```
  */
  inherit renamedLinks;

  /**
    What is wrong with a selection (../types/selections.nix) for the directory `prefix`, or null.

    # Type

    ```
    selectionProblem :: AttrSet -> String -> String -> Selection -> String | Null
    ```
  */
  selectionProblem =
    checked: where: prefix: selection:
    let
      problem = pathProblem "`${where}`" prefix;
    in
    if problem != null then
      problem
    else if isSet selection then
      renamedProblem checked where selection
    else if selection == [ ] then
      nothing where
    else
      firstOf (map (patternProblem checked where) (listOf selection));

  /**
    The links for the same.

    # Type

    ```
    selectionLinks :: String -> String -> Selection -> [AttrSet]
    ```
  */
  inherit selectionLinks;

  /**
    The links of an engine that has the arguments `model` and `files`, for its directory `prefix`.

    # Type

    ```
    modelLinks :: String -> String -> Selection -> [AttrSet]
    ```

    # Arguments

    engine
    : The argument with the two, such as `integration.triton`.
  */
  modelLinks =
    engine: prefix: selection:
    map (
      link:
      link
      // {
        line = "${engine}.model = \"%MODEL%\"";
        own = otherTable "${engine}.files" link.file;
      }
    ) (selectionLinks "${engine}.files" prefix selection);
}
