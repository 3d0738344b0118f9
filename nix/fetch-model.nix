/**
  Turns a pin into a store path that is a Hugging Face cache entry: link it as
  `hub/${model.hfCachePath}`, and `from_pretrained` finds it.

  # Type

  ```
  fetchModel :: Pkgs -> AttrSet -> Derivation
  ```

  # Arguments

  name
  : Name of the derivation, and of the model in messages.

  source
  : Exactly one source: `source.huggingface = { repo; rev ? null; ref ? "main"; repoType ? "model";
    endpoint ? null; }`. `rev` is a commit; `ref` is the branch or tag that it stands for; `endpoint`
    is the address of a mirror, or a list of addresses to try in order.

  hash
  : The `tree` pin: SRI hash of the whole result; "" to be told the right one.

  files
  : The `files` pin: path in the repository -> `{ hash; size ? null; lfs ? false; }`. Wants `rev`.

  layout
  : With `files`: "copy" makes the result self-contained, "link" makes its blobs symbolic links to
    the store paths of the single files.

  include, exclude
  : With `hash`: fnmatch patterns of the paths to fetch, and of those to leave out.

  integration.huggingface
  : `enable = false` gives the plain files instead of a cache entry; `org` and `model` rename it.

  meta
  : As for any package.

  # Result

  `passthru` holds `meta` (the above with `org`, `model`, `sourceType`, `repo` and `rev`),
  `hfCachePath`, `snapshotPath`, `linked` (the same entry without copies) and, for a `files` pin,
  `blobs`: path -> derivation.

  # Example

  ```nix
  fetchModel pkgs {
    name = "llama-2-7b";
    source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
    hash = "sha256-…";
  }
  ```
*/
pkgs:
{
  name,
  source,
  hash ? null,
  files ? null,
  layout ? "copy",
  include ? null,
  exclude ? [ ],
  integration ? { },
  meta ? { },
}:
let
  fail = message: throw "nix-ai-models: model \"${name}\": ${message}";

  resolved = (import ./sources).normalise fail source;
  inherit (import ./keys.nix fail) check;
  names = import ./names.nix;

  hfDefaults = {
    enable = true;
    org = null;
    model = null;
  };
  hf = hfDefaults // integration.huggingface or { };

  org = if hf.org != null then hf.org else resolved.org;
  model = if hf.model != null then hf.model else resolved.model;

  filesPin = import ./pins/files.nix {
    inherit
      pkgs
      fail
      name
      files
      ;
    inherit (hf) enable;
    source = resolved;
  };

  treePin = import ./pins/tree.nix {
    inherit
      pkgs
      fail
      name
      hash
      include
      exclude
      ;
    inherit (hf) enable;
    source = resolved;
  };

  build = if files != null then filesPin.assemble layout else treePin.fetch;

  result = build {
    inherit meta passthru;
  };

  passthru = {
    # nixpkgs puts passthru over the derivation's own attributes, `meta` included.
    meta = meta // {
      inherit org model;
      inherit (resolved) repo rev;
      sourceType = resolved.type;
    };

    snapshotPath =
      if !hf.enable then
        "${result}"
      else if resolved.rev != null then
        "${result}/snapshots/${resolved.rev}"
      else
        # The commit is known only once the model is there.
        "${pkgs.stdenvNoCC.mkDerivation {
          name = "${names.sanitize name}-snapshot";
          preferLocalBuild = true;
          buildCommand = ''
            read -r commit < ${result}/refs/main || [ -n "$commit" ]
            ln -s ${result}/snapshots/"$commit" "$out"
          '';
        }}";

    linked =
      if files != null && layout == "copy" then
        filesPin.assemble "link" { inherit meta passthru; }
      else
        result;
  }
  // (
    if hf.enable then
      {
        hfCachePath = (import ./integration.nix).mkCacheName {
          inherit org model;
          inherit (resolved) repoType;
        };
      }
    else
      { }
  )
  // (if files != null then { inherit (filesPin) blobs; } else { });

  namable = part: part == null || builtins.match "[0-9A-Za-z._-]+" part != null;
in
if hash == null && files == null then
  fail "needs a pin: `hash = \"sha256-…\"` (write \"\" to be told it) or `files = { … }` (from `aimodels-gen lock`)"
else if hash != null && files != null then
  fail "has both `hash` and `files`; keep one"
else if files != null && (include != null || exclude != [ ]) then
  fail "`include` and `exclude` go with `hash`; `files` names the files already"
else if files == null && layout != "copy" then
  fail "`layout` goes with `files`; a `hash` pin is one self-contained path"
else if layout != "copy" && layout != "link" then
  fail "`layout = \"${layout}\"` is not \"copy\" or \"link\""
else if !(namable org && namable model) then
  fail "`integration.huggingface` names the entry \"${toString org}/${toString model}\": use letters, digits, . _ and -"
else if hf.enable && model == null then
  fail "a source without a name of its own needs `integration.huggingface = { org; model; }`"
else
  check "integration" [ "huggingface" ] integration (
    check "integration.huggingface" (builtins.attrNames hfDefaults) hf result
  )
