# `source.huggingface`: a repository on the Hub or its mirrors.
let
  inherit (import ../urls.nix) isServer quote;
  inherit (import ../util.nix) checkAttrs;

  known = [
    "repo"
    "rev"
    "ref"
    "repoType"
    "endpoint"
  ];
  repoTypes = [
    "model"
    "dataset"
    "space"
  ];
in
{
  description = "A repository on the Hugging Face Hub, or on a mirror of it.";
  example.repo = "meta-llama/Llama-2-7b-hf";

  options =
    lib:
    let
      inherit (lib) mkOption types;
      nullable = import ../nullable.nix lib;
    in
    {
      repo = mkOption {
        type = types.str;
        description = "The repository, as `org/name` on the Hub.";
        example = "meta-llama/Llama-2-7b-hf";
      };
      rev =
        nullable types.str
          "The commit, as 40 hex digits. If it is null, `hash` decides which commit of `ref` is right."
          "01c7f73d771dfac7d292323805ebc428287df4f9";
      ref = mkOption {
        type = types.str;
        default = "main";
        description = "The branch, tag or `refs/pr/N` that the commit stands for.";
      };
      repoType = mkOption {
        type = types.enum repoTypes;
        default = "model";
        description = "The kind of repository.";
      };
      endpoint =
        nullable (types.either types.str (types.listOf types.str))
          "The URL of a mirror, or several URLs to try in order. Null means `HF_ENDPOINT` of the building process, or else the Hub."
          "https://hub.example.org";
    };

  impureEnvVars = [
    "HF_ENDPOINT"
    "HF_TOKEN"
    "HF_TOKEN_PATH"
  ];
  pythonPackages = _python: [ ];

  normalise =
    fail: args:
    let
      rev = args.rev or null;
      ref = args.ref or "main";
      repoType = args.repoType or "model";
      parts = builtins.match "(([0-9A-Za-z._-]+)/)?([0-9A-Za-z._-]+)" args.repo;
      where = "source.huggingface";

      endpoint = args.endpoint or null;
      endpoints =
        if endpoint == null then
          [ ]
        else if builtins.isList endpoint then
          endpoint
        else
          [ endpoint ];
    in
    checkAttrs fail where known args (
      if !(args ? repo) then
        fail "`${where}.repo` is missing: write \"org/name\" as on the Hub"
      else if parts == null then
        fail "`${where}.repo = ${quote args.repo}` is not a repository: write \"org/name\" as on the Hub"
      else if rev != null && builtins.match "[0-9a-f]{40}" rev == null then
        fail "`${where}.rev = ${quote rev}` is not a commit of 40 hex digits; set `ref` for a branch or tag"
      else if !(builtins.elem repoType repoTypes) then
        fail "`${where}.repoType = ${quote repoType}` is not one of: ${builtins.concatStringsSep ", " repoTypes}"
      else if endpoint == [ ] then
        fail "`${where}.endpoint` is an empty list: name a server, or leave it out"
      else if !(builtins.all builtins.isString endpoints) then
        fail "`${where}.endpoint` must be a string, or a list of strings to try in order"
      else if builtins.elem "" endpoints then
        fail "`${where}.endpoint` is empty: name a server, or leave it out"
      else if !(builtins.all isServer endpoints) then
        # It is not quoted, because it may contain a password.
        fail
          "`${where}.endpoint` is not the http(s) URL of a server: write one like https://hub.example.org, without user, password or query"
      else
        {
          type = "huggingface";
          org = builtins.elemAt parts 1;
          model = builtins.elemAt parts 2;
          inherit (args) repo;
          inherit rev repoType;
          hasCommits = true;
          # Without the endpoint: a mirror serves the same content.
          identity = {
            type = "huggingface";
            inherit (args) repo;
            inherit ref rev repoType;
          };
          spec = _paths: {
            huggingface = {
              inherit (args) repo;
              inherit
                endpoint
                ref
                rev
                repoType
                ;
            };
          };
        }
    );
}
