# `source.huggingface`: a repository on the Hub or on a mirror of it.
let
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
fail: args:
let
  inherit (import ../keys.nix fail) check;
  rev = args.rev or null;
  ref = args.ref or "main";
  repoType = args.repoType or "model";
  parts = builtins.match "(([0-9A-Za-z._-]+)/)?([0-9A-Za-z._-]+)" args.repo;
  where = "source.huggingface";
in
check where known args (
  if !(args ? repo) then
    fail "`${where}.repo` is missing: write \"org/name\" as on the Hub"
  else if parts == null then
    fail "`${where}.repo = \"${args.repo}\"` is not a repository: write \"org/name\" as on the Hub"
  else if rev != null && builtins.match "[0-9a-f]{40}" rev == null then
    fail "`${where}.rev = \"${rev}\"` is not a commit of 40 hex digits; a branch or tag goes into `ref`"
  else if !(builtins.elem repoType repoTypes) then
    fail "`${where}.repoType = \"${repoType}\"` is not one of: ${builtins.concatStringsSep ", " repoTypes}"
  else
    {
      type = "huggingface";
      org = builtins.elemAt parts 1;
      model = builtins.elemAt parts 2;
      inherit (args) repo;
      inherit rev repoType;
      # The endpoint is left out: a mirror serves the same content.
      identity = {
        type = "huggingface";
        inherit (args) repo;
        inherit ref rev repoType;
      };
      spec.huggingface = {
        inherit (args) repo;
        inherit ref rev repoType;
        endpoint = args.endpoint or null;
      };
    }
)
