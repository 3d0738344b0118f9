# What people write in the place of the name of a repository or a bucket: URLs, paths, names with more in
# them. generator/aimodels_gen/sources/huggingface/pasted.py reads more of them.
let
  inherit (import ./names.nix) isRepoPart;
  inherit (import ./util.nix) match quote;

  types = {
    models = "model";
    datasets = "dataset";
    spaces = "space";
    kernels = "kernel";
  };
  # Between a repository and a ref in URLs of the Hub.
  pages = [
    "blame"
    "blob"
    "commit"
    "commits"
    "raw"
    "resolve"
    "tree"
  ];

  at = builtins.elemAt;
  length = builtins.length;
  join = builtins.concatStringsSep;
  strings = builtins.filter builtins.isString;
  drop =
    count: list:
    builtins.genList (index: at list (index + count)) (
      if length list < count then 0 else length list - count
    );
  orNull = groups: index: if groups == null then null else at groups index;

  isCommit = text: match "[0-9a-f]{40}" text != null;
  isRef = text: match "[0-9A-Za-z._-]+(/[0-9A-Za-z._-]+)*" text != null;
  isPath = text: match "[0-9A-Za-z._ -]+(/[0-9A-Za-z._ -]+)*" text != null;

  refOf =
    ref:
    if ref == null || ref == "main" || !(isRef ref) then
      { }
    else if isCommit ref then
      { rev = ref; }
    else
      { inherit ref; };

  # A pattern for a file, or for a directory.
  patternOf =
    path:
    if path == "" || !(isPath path) then
      { }
    else
      { include = if match ".*[.][A-Za-z][0-9A-Za-z_]*" path != null then path else "${path}/*"; };

  # What has its repository before these parts of a path, such as "tree" "main" "onnx".
  ofRest =
    rest:
    if rest == [ ] then
      { }
    else if !(builtins.elem (builtins.head rest) pages) then
      patternOf (join "/" rest)
    else
      let
        # `refs/pr/1`
        count = if length rest > 3 && at rest 1 == "refs" then 4 else 2;
      in
      if length rest == 1 then
        { }
      else
        refOf (join "/" (drop 1 (builtins.genList (at rest) count)))
        // patternOf (join "/" (drop count rest));

  ofParts =
    parts:
    let
      first = builtins.head parts;
      isTyped = length parts > 1 && types ? ${first};
      named = if isTyped then drop 1 parts else parts;
      isSingle = length named == 1 || builtins.elem (at named 1) pages;
      count = if isSingle then 1 else 2;
      # As in `org/name@v1`, `org/name:Q4_K_M` or `org/name.git`.
      last = match "([^@:]+)(@([^@:]+))?(:([^@:]+))?" (at named (count - 1));
      name = orNull last 0;
      stem = orNull (match "(.*)[.]git" (toString name)) 0;
      repo = builtins.genList (at named) (count - 1) ++ [
        (if stem == null then toString name else stem)
      ];
      quant = orNull last 4;
    in
    if parts == [ ] || !(builtins.all isRepoPart repo) || builtins.all (part: types ? ${part}) repo then
      null
    else if isSingle && match "[^@:]*" (at named 0) == null then
      # It may be a login.
      null
    else
      { repo = join "/" repo; }
      // (if isTyped && first != "models" then { repoType = types.${first}; } else { })
      // ofRest (drop count named)
      // refOf (orNull last 2)
      // (if quant == null || !(isPath quant) then { } else { include = "*${quant}[.-]*gguf"; });

  # `models--org--name` in a cache.
  ofCacheName =
    text:
    let
      found = match "(.*/)?(models|datasets|spaces|kernels)--([^/]+)(/.*)?" text;
      parts = strings (builtins.split "--" (at found 2));
    in
    if found == null || length parts > 2 then null else ofParts ([ (at found 1) ] ++ parts);

  readRepository =
    text:
    let
      trimmed = orNull (match "[[:space:]]*(.*[^[:space:]])[[:space:]]*" text) 0;
      # The scheme, the host and the path.
      hub =
        match "(https?://(www[.])?|hf://|git@)?((huggingface[.]co|hf[.]co|hf-mirror[.]com)[:/])?(.*)"
          trimmed;
      scheme = at hub 0;
      path = builtins.head (builtins.split "[?#]" (at hub 4));
      parts = builtins.filter (part: part != "") (
        strings (builtins.split "/" (builtins.replaceStrings [ "%2F" "%2f" ] [ "/" "/" ] path))
      );
      # A URL of another server, whose path is not of the Hub.
      isElsewhere = hub == null || (scheme != null && scheme != "hf://" && at hub 2 == null);
      isApi = parts != [ ] && builtins.head parts == "api";
      cached = ofCacheName trimmed;
    in
    if trimmed == null || isElsewhere then
      null
    else if cached != null then
      cached
    else if at hub 2 == null && scheme == null && match "[.~/].*" trimmed != null then
      null
    else
      ofParts (if isApi then drop 1 parts else parts);

  readBucket =
    text:
    let
      found = match "(s3://)?([0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z])(/(.*))?" text;
      prefix = toString (orNull found 3);
    in
    if found == null then
      null
    else
      { bucket = at found 1; }
      // (if match "[0-9A-Za-z._/-]+" prefix == null then { } else { inherit prefix; });

  # In the order in which people write them.
  order = [
    "repo"
    "ref"
    "rev"
    "repoType"
    "bucket"
    "prefix"
  ];

  lineOf =
    where: found:
    let
      names = builtins.filter (name: found ? ${name}) order;
      assignments = map (name: "${name} = ${quote found.${name}}") names;
    in
    if length names == 1 then
      "${where}.${builtins.head assignments}"
    else
      "${where} = { ${join " " (map (each: "${each};") assignments)} }";

  adviceOf =
    where: found:
    "`${lineOf where found}`"
    + (
      if found ? include then
        ", and `include = [ ${quote found.include} ]` with a `hash` pin if you want only these files"
      else
        ""
    );

  from =
    read: describe: where: value:
    let
      found = if builtins.isString value then read value else null;
    in
    if found == null then null else describe where found;
in
{
  /**
    What to write for the repository that a value names, in words; null if it names none.

    # Type

    ```
    repository :: String -> a -> String | Null
    ```

    # Arguments

    where
    : The place of the arguments: "source.huggingface".

    value
    : What was written as the repository.
  */
  repository = from readRepository adviceOf;

  /**
    The line alone that sets the repository.

    # Type

    ```
    repositoryLine :: String -> a -> String | Null
    ```
  */
  repositoryLine = from readRepository lineOf;

  /**
    As `repository`, for a bucket and "source.s3".

    # Type

    ```
    bucket :: String -> a -> String | Null
    ```
  */
  bucket = from readBucket adviceOf;

  /**
    As `repositoryLine`, for a bucket.

    # Type

    ```
    bucketLine :: String -> a -> String | Null
    ```
  */
  bucketLine = from readBucket lineOf;
}
