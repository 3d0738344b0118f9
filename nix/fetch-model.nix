/**
  Turns a pin into a store path that is a Hugging Face cache entry. Linked as
  `hub/${model.hfCachePath}`, it is found by `from_pretrained`.

  # Type

  ```
  fetchModel :: Pkgs -> AttrSet -> Derivation
  ```

  # Arguments

  name
  : Name of the derivation, and of the model in messages.

  source
  : Exactly one source. `source.huggingface = { repo; rev ? null; ref ? "main"; repoType ? "model";
    endpoint ? null; }`: `rev` is a commit; `ref` is the branch or tag that it stands for; `endpoint`
    is the URL of a mirror, or a list of URLs to try in order.
    `source.s3 = { bucket; prefix ? ""; region ? null; endpoint ? null; versions ? { }; }`: the objects
    below a prefix of a bucket; `versions` maps paths to object versions.
    `source.url.files = { PATH = URL; }`: single files, each with a URL, or a list of URLs to try in
    order.

  fallbacks
  : A list of more sources that have the same files. They are tried in order when the sources before
    them fail.

  hash
  : The `tree` pin: SRI hash of the whole result. With "", Nix reports the right one.

  files
  : The `files` pin: path in the repository -> `{ hash; size ? null; lfs ? false; }`. For the Hub it
    requires `rev`.

  bundle
  : Beside `files` or in their place, small files that are fetched together: `{ hash; files; }` with
    `files` as above, without `lfs`. `hash` is the SRI hash of a directory that contains them, each named
    by its sha256 in hex digits. With "", Nix reports the right one.

  layout
  : With `files` or `bundle`: "copy" makes the result self-contained, "link" makes its blobs symbolic links to
    the store paths of the single files.

  include, exclude
  : With `hash`: fnmatch patterns of the paths to fetch, and of paths to leave out.

  integration.huggingface
  : `enable = false` makes the result the plain files instead of a cache entry; `org` and `model`
    rename the entry.

  meta
  : As for any package. `license` may also be a name as on the Hub.

  # Result

  `passthru` contains `meta` (nixpkgs' own with `org`, `model`, `sourceType`, `repo` and `rev`),
  `hfCachePath`, `snapshotPath`, `linked` (the same entry without copies), `copied` (the same without
  references to other store paths) and, for a `files` pin, `blobs`: path -> derivation. `overrideAttrs`
  changes all forms of the entry.

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
assert
  pkgs ? stdenvNoCC
  || throw "nix-ai-models: the first argument of fetchModel is nixpkgs: write `fetchModel pkgs { … }`";
arguments:
let
  label =
    if builtins.isString (arguments.name or null) then
      "model ${quote arguments.name}"
    else
      "fetchModel";
  fail = message: throw "nix-ai-models: ${label}: ${message}";
  checked = (import ./arguments.nix).check fail arguments;
  inherit (checked)
    name
    enable
    hfCachePath
    ;
  inherit (import ./util.nix) quote;
  # Builds run on the build platform, and entries are the same for all others.
  inherit (pkgs.buildPackages or pkgs) stdenvNoCC;
  fetcher = import ./fetcher.nix pkgs;
  names = import ./names.nix;

  filesPin = import ./pins/files.nix {
    inherit
      stdenvNoCC
      fetcher
      fail
      name
      enable
      ;
    inherit (checked) sources files bundle;
  };

  treePin = import ./pins/tree.nix {
    inherit
      stdenvNoCC
      fetcher
      fail
      name
      enable
      ;
    inherit (checked)
      sources
      hash
      include
      exclude
      ;
  };

  isTree = checked.hash != null;

  # By layout; a tree has only one.
  builders =
    if isTree then
      { copy = treePin.fetch; }
    else
      {
        copy = filesPin.assemble "copy";
        link = filesPin.assemble "link";
      };

  license = checked.meta.license or null;
  licenses = import ./licenses.nix pkgs.lib;

  attributes = {
    # The name of a tree pin has a suffix; `allowUnfreePredicate` and the like compare this one.
    pname = names.sanitize name;
    meta =
      removeAttrs checked.meta [ "license" ]
      // (if license == null then { } else { license = licenses.resolve license; });
    passthru =
      (if enable then { inherit hfCachePath; } else { })
      // (if isTree then { } else { inherit (filesPin) blobs; })
      // (if checked.bundle == null then { } else { inherit (filesPin) bundle; });
  };

  # The forms of the model by layout, after these changes by `overrideAttrs`.
  formsAfter =
    changes:
    let
      forms = builtins.mapAttrs form builders;

      form =
        layout: build:
        let
          changed = builtins.foldl' (model: model.overrideAttrs) (build attributes) changes;

          # With what depends on the changes, also if one of them has replaced `passthru`.
          complete = old: {
            passthru =
              attributes.passthru
              // old.passthru or { }
              // {
                # nixpkgs merges passthru over the derivation's own attributes, `meta` included.
                meta = changed.meta // {
                  inherit (checked) org model;
                  inherit (checked.source) repo rev;
                  sourceType = checked.source.type;
                };
                snapshotPath = snapshotPath result;
                linked = forms.link or forms.copy;
                copied = forms.copy;
                overrideAttrs = change: (formsAfter (changes ++ [ change ])).${layout};
              };
          };

          result =
            if changes == [ ] then
              build (attributes // complete attributes)
            else
              changed.overrideAttrs complete;
        in
        result;
    in
    forms;

  snapshotPath =
    result:
    if !enable then
      "${result}"
    else if checked.source.rev != null then
      "${result}/snapshots/${checked.source.rev}"
    else
      # The commit is known only after the model is built.
      "${stdenvNoCC.mkDerivation {
        name = "${names.sanitize name}-snapshot";
        preferLocalBuild = true;
        buildCommand = ''
          read -r commit < ${result}/refs/main || [ -n "$commit" ]
          ln -s ${result}/snapshots/"$commit" "$out"
        '';
      }}";
in
(formsAfter [ ]).${checked.layout}
