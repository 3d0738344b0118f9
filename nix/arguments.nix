# The arguments for a model, checked and with their defaults: for `fetchModel`, which throws at the first
# mistake, and for the modules, which report it as an assertion.
let
  inherit (import ./names.nix) mkCacheName;
  inherit (import ./util.nix) match quote;
  sources = import ./sources;
  huggingfaceSource = sources.kinds.huggingface.arguments;
  engines = import ./views;
  types = import ./types;

  optional = type: {
    type = types.nullOr type;
    default = null;
  };

  otherHashNames = {
    checksum = types.use "hash";
    sha = types.use "hash";
    sha256 = types.use "hash";
  };

  hash = {
    type = types.string;
    missing = "write its SRI hash, or \"\" to have Nix report it";
  };

  bundledFile = types.struct {
    main = "hash";
    renamed = otherHashNames // {
      bytes = types.use "size";
    };
    fields = {
      inherit hash;
      size = optional types.size;
    };
  };

  bundle = types.struct {
    main = "hash";
    renamed = otherHashNames // {
      narhash = types.use "hash";
      outputhash = types.use "hash";
      file = types.use "files";
    };
    fields = {
      inherit hash;
      files = {
        type = types.byPath bundledFile;
        missing = "write its files, as in bundle.files.\"config.json\".hash = \"\"";
      };
    };
  };

  file = types.struct {
    main = "hash";
    inherit (bundledFile) renamed;
    fields = bundledFile.fields // {
      lfs = {
        type = types.bool;
        default = false;
      };
    };
  };

  huggingface = types.struct {
    main = "enable";
    fields = {
      enable = {
        type = types.bool;
        default = true;
      };
      org = optional types.string;
      model = optional types.string;
    };
  };

  # Names of programs, and other names of integrations.
  otherEngines =
    let
      cached = _where: _value: "nothing in its place, because the cache entry serves it";
    in
    {
      comfy = types.use "comfyui";
      directories = types.use "directory";
      hf = types.use "huggingface";
      llamacpp = cached;
      sglang = cached;
      tgi = cached;
      transformers = cached;
      tritonserver = types.use "triton";
      vllm = cached;
    };

  license = types.oneOrMore {
    description = "a licence of nixpkgs, the name of one, or a list of these";
    of.accepts = value: builtins.isString value || builtins.isAttrs value;
    line = where: "${where} = \"mit\"";
  };

  # Names of other fetchers and tools, and attributes that belong elsewhere.
  renamed =
    let
      to =
        place: _where: value:
        types.assign place value;
      hub = name: (huggingfaceSource.renamed.${name} or (types.use name)) "source.huggingface";
    in
    {
      pname = to "name";
      checksum = to "hash";
      outputhash = to "hash";
      sha256 = to "hash";
      sri = to "hash";
      file = to "files";
      allowpatterns = to "include";
      includes = to "include";
      patterns = to "include";
      excludes = to "exclude";
      ignorepatterns = to "exclude";
      fallback = _where: _value: "`fallbacks = [ { … } ]`";
      mirrors = _where: _value: "`fallbacks = [ { … } ]`";
      description = to "meta.description";
      homepage = to "meta.homepage";
      licence = to "meta.license";
      license = to "meta.license";
      org = to "integration.huggingface.org";
      bucket = to "source.s3.bucket";
      prefix = to "source.s3.prefix";
      region = to "source.s3.region";
      s3 = _where: _value: "`source.s3 = { … }`";
      huggingface = _where: _value: "`source.huggingface = { … }`";
      url = _where: _value: "`source.url.files.\"PATH\" = \"https://…\"`";
      urls = _where: _value: "`source.url.files.\"PATH\" = \"https://…\"`";
    }
    // builtins.listToAttrs (
      map
        (name: {
          inherit name;
          value = _where: hub name;
        })
        [
          "branch"
          "commit"
          "endpoint"
          "modelid"
          "ref"
          "repo"
          "repoid"
          "repository"
          "rev"
          "revision"
          "tag"
        ]
    )
    // {
      repotype = to "source.huggingface.repoType";
    };

  model = types.struct {
    inherit renamed;
    main = "name";
    fields = {
      name = {
        type = types.string;
        missing = "write a name for the model, as in name = \"llama-2-7b\"";
      };
      source = {
        inherit (sources) type;
        missing = "write where the model comes from, as in source.huggingface.repo = \"org/name\"";
      };
      fallbacks = {
        type = types.listOf {
          description = "a list of sources";
          of = sources.type;
          line = where: "${where} = [ { huggingface.repo = \"org/name\"; } ]";
          meant = where: value: if builtins.isAttrs value then "${where} = [ { … } ]" else null;
        };
        default = [ ];
      };
      hash = optional types.string;
      files = optional (types.byPath file);
      bundle = optional bundle;
      layout = {
        type = types.enum [
          "copy"
          "link"
        ];
        default = "copy";
      };
      include = optional types.strings;
      exclude = {
        type = types.strings;
        default = [ ];
      };
      integration = {
        type = types.struct {
          main = "huggingface";
          renamed = otherEngines;
          fields = engines.fields // {
            huggingface = {
              type = huggingface;
              default = { };
            };
          };
        };
        default = { };
      };
      meta = {
        type = types.open (
          types.struct {
            main = "license";
            fields.license = optional license;
          }
        );
        default = { };
      };
    };
  };

  isName = part: part == null || match "[0-9A-Za-z._-]+" part != null;
in
{
  /**
    The declarations of the arguments of `fetchModel`.

    # Type

    ```
    fields :: AttrSet
    ```
  */
  inherit (model) fields;

  /**
    The declarations of the arguments in `integration.huggingface`.

    # Type

    ```
    huggingfaceFields :: AttrSet
    ```
  */
  huggingfaceFields = huggingface.fields;

  /**
    The declarations of the arguments in `integration` but for `huggingface`, with descriptions and
    examples for the options of the modules.

    # Type

    ```
    integrationFields :: AttrSet
    ```
  */
  integrationFields = engines.fields;

  /**
    Checks the arguments of `fetchModel`, and returns them with defaults: `source` as
    ./sources/default.nix describes it, `sources` with the fallbacks after it, and
    `integration.huggingface` as `enable`, `org`, `model` and `hfCachePath` (null without a cache
    entry). The other integrations are as the caller wrote them. Of hashes only the type is checked: names
    can be evaluated before the hash is known.

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
    types.check fail "" model given (
      arguments:
      let
        inherit (arguments)
          hash
          files
          bundle
          layout
          include
          exclude
          ;

        source = sources.normalise fail "source" arguments.source;
        all = [ source ] ++ map (sources.normalise fail "fallbacks") arguments.fallbacks;
        problems = builtins.filter (each: each ? problem) all;

        isTree = files == null && bundle == null;
        inBoth =
          if files == null || bundle == null then
            { }
          else
            builtins.intersectAttrs files bundle.files;

        hf = huggingface.defaults // arguments.integration.huggingface or { };
        org = if hf.org != null then hf.org else source.org;
        model = if hf.model != null then hf.model else source.model;

        # Most models have none.
        given = removeAttrs arguments.integration [ "huggingface" ];
        engineProblem =
          if given == { } then null else engines.problem (arguments // { inherit org model; }) given;
      in
      if problems != [ ] then
        builtins.head problems
      else if hash == null && isTree then
        fail "needs a pin: set `hash = \"sha256-…\"` (with \"\", Nix reports the right one) or `files = { … }` (from `aimodels-gen lock`)"
      else if hash != null && !isTree then
        fail "has both `hash` and `${if files == null then "bundle" else "files"}`; keep one"
      else if files == { } then
        fail "`files` is empty: there is nothing to fetch"
      else if bundle != null && bundle.files == { } then
        fail "`bundle.files` is empty: leave out `bundle`"
      else if inBoth != { } then
        fail "${quote (builtins.head (builtins.attrNames inBoth))} is in both `files` and `bundle.files`; keep one"
      else if !isTree && source.hasCommits && source.rev == null then
        fail "a `files` pin needs the commit: add `rev`, or run `aimodels-gen lock`"
      else if !isTree && (include != null || exclude != [ ]) then
        fail "`include` and `exclude` require `hash`; `files` already lists the files"
      else if isTree && layout != "copy" then
        fail "`layout` requires `files`; a `hash` pin is one self-contained path"
      else if !(isName org && isName model) then
        fail "`integration.huggingface` names the entry ${quote "${toString org}/${toString model}"}: use letters, digits, . _ and -"
      else if hf.enable && (model == null || (org == null && source.model == null)) then
        fail "`source.${source.type}` has no repository name: set `integration.huggingface = { org = \"…\"; model = \"…\"; }`, or `integration.huggingface.enable = false` for plain files"
      else if engineProblem != null then
        fail engineProblem
      else
        arguments
        // {
          inherit source org model;
          inherit (hf) enable;
          sources = all;
          hfCachePath =
            if hf.enable then
              mkCacheName {
                inherit org model;
                inherit (source) repoType;
              }
            else
              null;
        }
    );
}
