# What is asked for a model, checked and with its defaults: by `fetchModel`, which throws at the
# first thing that is wrong, and by the modules, which want to tell it as an assertion.
let
  defaults = {
    hash = null;
    files = null;
    layout = "copy";
    include = null;
    exclude = [ ];
    integration = { };
    fallbacks = [ ];
  };

  hfDefaults = {
    enable = true;
    org = null;
    model = null;
  };

  layouts = [
    "copy"
    "link"
  ];

  namable = part: part == null || builtins.match "[0-9A-Za-z._-]+" part != null;
in
{
  /**
    Checks the arguments of `fetchModel`, and returns them with defaults: `source` as
    ./sources/default.nix describes it, `sources` with the fallbacks after it, and
    `integration.huggingface` as `enable`, `org`, `model` and `hfCachePath` (null without a cache
    entry). Hashes are left to those who build: what a model is called can be asked while they are
    still to be filled in.

    # Type

    ```
    check :: (String -> a) -> AttrSet -> AttrSet | a
    ```

    # Arguments

    fail
    : What to do with the message about the first thing that is wrong: `throw` it, or return it as
      `{ problem = message; }`. That is the result then.
  */
  check =
    fail: given:
    let
      arguments = defaults // given;
      inherit (arguments)
        hash
        files
        layout
        include
        exclude
        integration
        fallbacks
        ;

      inherit (import ./sources) normalise;
      source = normalise fail "source" arguments.source;
      sources = [ source ] ++ map (normalise fail "fallbacks") fallbacks;
      problems = builtins.filter (one: one ? problem) sources;
      checkKeys = (import ./keys.nix fail).check;

      hf = hfDefaults // integration.huggingface or { };
      org = if hf.org != null then hf.org else source.org;
      model = if hf.model != null then hf.model else source.model;
    in
    if !(builtins.isList fallbacks) then
      fail "`fallbacks` must be a list of sources"
    else if problems != [ ] then
      builtins.head problems
    else if hash == null && files == null then
      fail "needs a pin: `hash = \"sha256-…\"` (write \"\" to be told it) or `files = { … }` (from `aimodels-gen lock`)"
    else if hash != null && files != null then
      fail "has both `hash` and `files`; keep one"
    else if files == { } then
      fail "`files` is empty: there is nothing to fetch"
    else if files != null && source.hasCommits && source.rev == null then
      fail "a `files` pin needs the commit: add `rev`, or run `aimodels-gen lock`"
    else if files != null && (include != null || exclude != [ ]) then
      fail "`include` and `exclude` go with `hash`; `files` names the files already"
    else if files == null && layout != "copy" then
      fail "`layout` goes with `files`; a `hash` pin is one self-contained path"
    else if !(builtins.elem layout layouts) then
      fail "`layout = \"${layout}\"` is not \"copy\" or \"link\""
    else if !(namable org && namable model) then
      fail "`integration.huggingface` names the entry \"${toString org}/${toString model}\": use letters, digits, . _ and -"
    else if hf.enable && (model == null || (org == null && source.model == null)) then
      fail "`source.${source.type}` has no name of its own for the cache: say `integration.huggingface = { org = \"…\"; model = \"…\"; }`, or `enable = false` there for the plain files"
    else
      checkKeys "integration" [ "huggingface" ] integration (
        checkKeys "integration.huggingface" (builtins.attrNames hfDefaults) hf (
          arguments
          // {
            inherit
              source
              sources
              org
              model
              ;
            inherit (hf) enable;
            hfCachePath =
              if hf.enable then
                (import ./integration).mkCacheName {
                  inherit org model;
                  inherit (source) repoType;
                }
              else
                null;
          }
        )
      );
}
