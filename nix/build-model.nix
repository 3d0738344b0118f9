/**
  The model that `fetchModel` returns. Apply it to nixpkgs once for many models.

  # Type

  ```
  buildModel :: Pkgs -> (String -> a) -> AttrSet -> Derivation
  ```

  # Arguments

  fail
  : Throws a message about the model.

  checked
  : The arguments, as ./arguments.nix returns them.
*/
let
  names = import ./names.nix;
  engines = import ./views;
  modelFiles = import ./views/model-files.nix;
in
pkgs:
let
  # Builds run on the build platform, and entries are the same for all others.
  inherit (pkgs.buildPackages or pkgs) stdenvNoCC;
  fetcher = import ./fetcher.nix pkgs;
  filesPin = import ./pins/files.nix { inherit stdenvNoCC fetcher; };
  treePin = import ./pins/tree.nix { inherit stdenvNoCC fetcher; };
  licenses = import ./licenses.nix pkgs.lib;
  view = import ./views/view.nix pkgs;
in
fail: checked:
let
  inherit (checked)
    name
    enable
    hfCachePath
    hash
    bundle
    ;

  files = filesPin fail checked;

  # By layout; a tree has only one.
  builders =
    if hash != null then
      { copy = treePin fail checked; }
    else
      {
        copy = files.assemble "copy";
        link = files.assemble "link";
      };

  license = checked.meta.license or null;

  attributes = {
    # The name of a tree pin has a suffix; `allowUnfreePredicate` and the like compare this one.
    pname = names.sanitize name;
    meta =
      removeAttrs checked.meta [ "license" ]
      // (if license == null then { } else { license = licenses.resolve license; });
    passthru =
      (if enable then { inherit hfCachePath; } else { })
      // (if hash == null then { inherit (files) blobs; } else { })
      // (if bundle == null then { } else { inherit (files) bundle; });
  };

  # The forms of the model by layout, after these changes by `overrideAttrs`.
  formsAfter =
    changes:
    let
      forms = builtins.mapAttrs form builders;
      linked = forms.link or forms.copy;

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
                inherit linked;
                modelFiles = modelFiles checked (files.blobs or null) linked.snapshotPath;
                # Nothing goes through a copy of the files.
                integration = views linked;
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

  # The view of this model for each integration that is on.
  views =
    entry:
    let
      make =
        kind: parts:
        view (
          {
            name = "${name}-${kind}";
            models.${name} = entry.snapshotPath;
          }
          // builtins.mapAttrs (
            part: value:
            if part == "texts" then value else map (each: each // { model = name; }) value
          ) parts
        );
      parts = engines.parts checked checked.integration;
    in
    if checked.integration == { } then
      { }
    else
      builtins.mapAttrs (
        kind: parts: if kind == "directory" then builtins.mapAttrs make parts else make kind parts
      ) parts;
in
(formsAfter [ ]).${checked.layout}
