# `source.url`: files with a URL each. `integration.huggingface` names them in a cache.
let
  inherit (import ../urls.nix) isFile hasQuery hasSecret;
  inherit (import ../util.nix) quote selectAttrs;
  types = import ../types;
in
{
  description = "Single files with a URL each. They have no repository name: set `integration.huggingface`.";
  example.files."model.gguf" = "https://example.org/models/llama-2-7b.Q4_K_M.gguf";

  arguments = types.struct {
    main = "files";
    renamed =
      let
        files = _where: _value: "`source.url.files.\"PATH\" = \"https://…\"`";
      in
      {
        file = files;
        href = files;
        link = files;
        url = files;
        urls = files;
      };
    fields = {
      files = {
        type = types.byPath types.stringOrStrings;
        missing = "write files.\"model.gguf\" = \"https://…\"";
        description = "The URL of each path in the model, or several URLs to try in order.";
        example = {
          "model.gguf" = [
            "https://example.org/models/llama-2-7b.Q4_K_M.gguf"
            "https://mirror.example.net/llama-2-7b.Q4_K_M.gguf"
          ];
        };
      };
      query = {
        type = types.nullOr (types.enum [ "public" ]);
        default = null;
        description = "Whether URLs may have a query. `\"public\"` means that everybody may read it: it is stored in the derivation.";
        example = "public";
      };
    };
  };

  impureEnvVars = [ ];
  pythonPackages = _python: [ ];

  normalise =
    fail: args:
    let
      where = "source.url";
      inherit (args) query;
      files = builtins.mapAttrs (_path: urls: if builtins.isList urls then urls else [ urls ]) args.files;
      paths = builtins.attrNames files;

      # The first mistake, with a hint. URLs may contain passwords and are not quoted.
      wrong =
        if paths == [ ] then
          "`${where}.files` is empty: write files.\"model.gguf\" = \"https://…\""
        else
          builtins.foldl' (
            found: path:
            let
              urls = files.${path};
              here = "`${where}.files.${quote path}`";
            in
            if found != null then
              found
            else if urls == [ ] then
              "${here} is an empty list: write the URL of the file"
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
    if wrong != null then
      fail wrong
    else
      {
        type = "url";
        org = null;
        model = null;
        repo = builtins.head files.${builtins.head paths};
        rev = null;
        repoType = "model";
        hasCommits = false;
        # Without mirrors, which serve the same content.
        identity = {
          type = "url";
          files = builtins.mapAttrs (_path: builtins.head) files;
        };
        spec = paths: { url.files = selectAttrs paths files; };
      };
}
