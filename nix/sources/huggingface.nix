# `source.huggingface`: a repository on the Hub or its mirrors.
let
  inherit (import ../names.nix) isRepoPart;
  inherit (import ../urls.nix) isServer;
  inherit (import ../util.nix) lower match quote;
  pasted = import ../pasted.nix;
  types = import ../types;

  isCommit = text: match "[0-9a-f]{40}" text != null;

  # What URLs have before `org/name`.
  notOrgs = "(models|datasets|spaces|kernels|(www[.])?(huggingface[.]co|hf[.]co|hf-mirror[.]com))";

  # As git's check-ref-format refuses it.
  badRef = "(.*[[:space:][:cntrl:]~^:?*[\\].*)|(.*([.][.]|//|@[{]|/[.]).*)|([/.].*)|(.*([/.]|[.]lock|[.]lock/.*))";
in
{
  description = "A repository on the Hugging Face Hub, or on a mirror of it.";
  example.repo = "meta-llama/Llama-2-7b-hf";

  arguments = types.struct {
    main = "repo";
    read = pasted.repositoryLine;
    renamed =
      let
        repo =
          where: value:
          let
            meant = pasted.repository where value;
          in
          if meant == null then types.use "repo" where value else meant;
        ref =
          where: value:
          types.use (if builtins.isString value && isCommit value then "rev" else "ref") where value;
      in
      {
        inherit repo;
        id = repo;
        model = repo;
        modelid = repo;
        name = repo;
        path = repo;
        repoid = repo;
        repository = repo;
        url = repo;
        inherit ref;
        branch = ref;
        commit = ref;
        rev = ref;
        revision = ref;
        sha = ref;
        tag = ref;
        version = ref;
        kind = types.use "repoType";
        type = types.use "repoType";
        mirror = types.use "endpoint";
        # Arguments of `fetchModel` itself.
        exclude = _where: types.assign "exclude";
        include = _where: types.assign "include";
        quant =
          _where: value:
          types.assign "include" (if builtins.isString value then [ "*${value}[.-]*gguf" ] else value);
      };
    fields = {
      repo = {
        type = types.string;
        missing = "write \"org/name\" as on the Hub";
        description = "The repository, as `org/name` on the Hub.";
        example = "meta-llama/Llama-2-7b-hf";
      };
      rev = {
        type = types.nullOr types.string;
        default = null;
        description = "The commit, as 40 hex digits. If it is null, `hash` decides which commit of `ref` is right.";
        example = "01c7f73d771dfac7d292323805ebc428287df4f9";
      };
      ref = {
        type = types.string;
        default = "main";
        description = "The branch, tag or `refs/pr/N` that the commit stands for.";
      };
      repoType = {
        type = types.enum [
          "model"
          "dataset"
          "space"
          "kernel"
        ];
        default = "model";
        description = "The kind of repository.";
      };
      endpoint = {
        type = types.nullOr types.stringOrStrings;
        default = null;
        description = "The URL of a mirror, or several URLs to try in order. Null means `HF_ENDPOINT` of the building process, or else the Hub.";
        example = "https://hub.example.org";
      };
    };
  };

  impureEnvVars = [
    "HF_ENDPOINT"
    "HF_TOKEN"
    "HF_TOKEN_PATH"
  ];
  pythonPackages = _python: [ ];

  normalise =
    fail:
    {
      repo,
      rev,
      ref,
      repoType,
      endpoint,
    }:
    let
      where = "source.huggingface";
      parts = match "(([^/]+)/)?([^/]+)" repo;
      org = builtins.elemAt parts 1;
      model = builtins.elemAt parts 2;
      isRepo =
        parts != null
        && isRepoPart model
        && match ".*[.]git" model == null
        && (org == null || (isRepoPart org && match notOrgs (lower org) == null));
      pastedRepo = pasted.repository where repo;
      meant = if pastedRepo == null then "\"org/name\" as on the Hub" else pastedRepo;

      endpoints =
        if endpoint == null then
          [ ]
        else if builtins.isList endpoint then
          endpoint
        else
          [ endpoint ];
    in
    if !isRepo then
      fail "`${where}.repo = ${quote repo}` is not a repository: write ${meant}"
    else if isCommit ref then
      fail "`${where}.ref = ${quote ref}` is a commit: write ${types.assign "${where}.rev" ref}"
    else if ref == "" || builtins.stringLength ref > 1024 || match badRef ref != null then
      fail "`${where}.ref = ${quote ref}` is not a branch, a tag or refs/pr/N: write the name of one, or leave it out for \"main\""
    else if rev != null && !(isCommit rev) then
      fail "`${where}.rev = ${quote rev}` is not a commit of 40 hex digits; set `ref` for a branch or tag"
    else if endpoint == [ ] then
      fail "`${where}.endpoint` is an empty list: name a server, or leave it out"
    else if builtins.elem "" endpoints then
      fail "`${where}.endpoint` is empty: name a server, or leave it out"
    else if !(builtins.all isServer endpoints) then
      # It is not quoted, because it may contain a password.
      fail
        "`${where}.endpoint` is not the http(s) URL of a server: write one like https://hub.example.org, without user, password or query"
    else
      {
        type = "huggingface";
        inherit
          org
          model
          repo
          rev
          repoType
          ;
        hasCommits = true;
        # Without the endpoint: a mirror serves the same content.
        identity = {
          type = "huggingface";
          inherit
            repo
            ref
            rev
            repoType
            ;
        };
        isByPath = false;
        spec = _paths: {
          huggingface = {
            inherit
              repo
              endpoint
              ref
              rev
              repoType
              ;
          };
        };
      };
}
