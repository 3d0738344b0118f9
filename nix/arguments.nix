# The arguments for a model, checked and with their defaults: for `fetchModel`, which throws at the first
# mistake, and for the modules, which report it as an assertion.
let
  inherit (import ./names.nix) mkCacheName;
  inherit (import ./sources) normalise;
  inherit (import ./util.nix) checkAttrs;

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

  isName = part: part == null || builtins.match "[0-9A-Za-z._-]+" part != null;
in
{
  /**
    Checks the arguments of `fetchModel`, and returns them with defaults: `source` as
    ./sources/default.nix describes it, `sources` with the fallbacks after it, and
    `integration.huggingface` as `enable`, `org`, `model` and `hfCachePath` (null without a cache
    entry). Hashes are not checked here: names can be evaluated before the hash is known.

    # Type

    ```
    check :: (String -> a) -> AttrSet -> AttrSet | a
    ```

    # Arguments

    fail
    : What to do with the message about the first mistake: throw it, or return it as
      `{ problem = message; }`, which is then the result.
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

      source = normalise fail "source" arguments.source;
      sources = [ source ] ++ map (normalise fail "fallbacks") fallbacks;
      problems = builtins.filter (each: each ? problem) sources;

      hf = hfDefaults // integration.huggingface or { };
      org = if hf.org != null then hf.org else source.org;
      model = if hf.model != null then hf.model else source.model;
    in
    if !(builtins.isList fallbacks) then
      fail "`fallbacks` must be a list of sources"
    else if problems != [ ] then
      builtins.head problems
    else if hash == null && files == null then
      fail "needs a pin: set `hash = \"sha256-…\"` (with \"\", Nix reports the right one) or `files = { … }` (from `aimodels-gen lock`)"
    else if hash != null && files != null then
      fail "has both `hash` and `files`; keep one"
    else if files == { } then
      fail "`files` is empty: there is nothing to fetch"
    else if files != null && source.hasCommits && source.rev == null then
      fail "a `files` pin needs the commit: add `rev`, or run `aimodels-gen lock`"
    else if files != null && (include != null || exclude != [ ]) then
      fail "`include` and `exclude` require `hash`; `files` already lists the files"
    else if files == null && layout != "copy" then
      fail "`layout` requires `files`; a `hash` pin is one self-contained path"
    else if !(builtins.elem layout layouts) then
      fail "`layout = \"${layout}\"` is not \"copy\" or \"link\""
    else if !(isName org && isName model) then
      fail "`integration.huggingface` names the entry \"${toString org}/${toString model}\": use letters, digits, . _ and -"
    else if hf.enable && (model == null || (org == null && source.model == null)) then
      fail "`source.${source.type}` has no repository name: set `integration.huggingface = { org = \"…\"; model = \"…\"; }`, or `integration.huggingface.enable = false` for plain files"
    else
      checkAttrs fail "integration" [ "huggingface" ] integration (
        checkAttrs fail "integration.huggingface" (builtins.attrNames hfDefaults) hf (
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
                mkCacheName {
                  inherit org model;
                  inherit (source) repoType;
                }
              else
                null;
          }
        )
      );
}
