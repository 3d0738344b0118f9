# `source.url`: files with a URL each. `integration.huggingface` names them in a cache.
let
  inherit (import ../urls.nix) isFile hasQuery hasSecret;
  inherit (import ../util.nix) checkAttrs selectAttrs;

  known = [
    "files"
    "query"
  ];

  listed = urls: if builtins.isList urls then urls else [ urls ];
in
{
  description = "Single files with a URL each. They have no repository name: set `integration.huggingface`.";
  example.files."model.gguf" = "https://example.org/models/llama-2-7b.Q4_K_M.gguf";

  options =
    lib:
    let
      inherit (lib) mkOption types;
      nullable = import ../nullable.nix lib;
    in
    {
      files = mkOption {
        type = types.attrsOf (types.either types.str (types.listOf types.str));
        description = "The URL of each path in the model, or several URLs to try in order.";
        example = {
          "model.gguf" = [
            "https://example.org/models/llama-2-7b.Q4_K_M.gguf"
            "https://mirror.example.net/llama-2-7b.Q4_K_M.gguf"
          ];
        };
      };
      query =
        nullable (types.enum [ "public" ])
          "Whether URLs may have a query. `\"public\"` means that everybody may read it: it is stored in the derivation."
          "public";
    };

  impureEnvVars = [ ];
  pythonPackages = _python: [ ];

  normalise =
    fail: args:
    let
      where = "source.url";
      query = args.query or null;
      files = builtins.mapAttrs (_path: listed) args.files;
      paths = builtins.attrNames files;
      first = map (path: builtins.head files.${path}) paths;

      # The first mistake, with a hint. URLs may contain passwords and are not quoted.
      wrong =
        if query != null && query != "public" then
          "`${where}.query` is not \"public\": write that if everybody may read the queries of the URLs, or leave it out"
        else if !(args ? files) || !(builtins.isAttrs args.files) || args.files == { } then
          "`${where}.files` is missing or empty: write files.\"model.gguf\" = \"https://…\""
        else
          builtins.foldl' (
            found: path:
            let
              urls = files.${path};
              here = "`${where}.files.\"${path}\"`";
            in
            if found != null then
              found
            else if urls == [ ] || !(builtins.all builtins.isString urls) then
              "${here} must be a string, or a list of strings to try in order"
            else if !(builtins.all isFile urls) then
              "${here} is not the http(s) URL of a file: write one like https://example.org/model.gguf, without user, password or fragment"
            else if builtins.any hasSecret urls then
              "${here} contains a signature or a token, which everybody could read in the store: use a URL without it"
            else if query == null && builtins.any hasQuery urls then
              "${here} has a query, which everybody could read in the store: if nothing in it is secret, add `${where}.query = \"public\";`"
            else
              null
          ) null paths;
    in
    checkAttrs fail where known args (
      if wrong != null then
        fail wrong
      else
        {
          type = "url";
          org = null;
          model = null;
          repo = builtins.head first;
          rev = null;
          repoType = "model";
          hasCommits = false;
          # Without mirrors, which serve the same content.
          identity = {
            type = "url";
            files = builtins.mapAttrs (_path: builtins.head) files;
          };
          spec = paths: { url.files = selectAttrs paths files; };
        }
    );
}
