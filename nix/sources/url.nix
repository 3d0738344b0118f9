# `source.url`: files at addresses of their own. What they are called in a cache is for
# `integration.huggingface` to say.
let
  inherit (import ../urls.nix) isFile holdsSecret;

  known = [ "files" ];

  listed = urls: if builtins.isList urls then urls else [ urls ];
in
{
  description = "Single files at any addresses. `integration.huggingface` must say what they are called in the cache.";
  example.files."model.gguf" = "https://example.org/models/llama-2-7b.Q4_K_M.gguf";

  options =
    lib:
    let
      inherit (lib) mkOption types;
    in
    {
      files = mkOption {
        type = types.attrsOf (types.either types.str (types.listOf types.str));
        description = "For each path in the model its address, or several to try in order.";
        example = {
          "model.gguf" = [
            "https://example.org/models/llama-2-7b.Q4_K_M.gguf"
            "https://mirror.example.net/llama-2-7b.Q4_K_M.gguf"
          ];
        };
      };
    };

  impureEnvVars = [ ];
  pythonPackages = _python: [ ];

  normalise =
    fail: args:
    let
      inherit (import ../keys.nix fail) check;
      where = "source.url";
      files = builtins.mapAttrs (_path: listed) args.files;
      paths = builtins.attrNames files;
      first = map (path: builtins.head files.${path}) paths;

      # The first that is wrong, with what to do. Addresses may hold passwords, and are not quoted.
      wrong =
        if !(args ? files) || !(builtins.isAttrs args.files) || args.files == { } then
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
              "${here} is no http(s) address of a file: write one like https://example.org/model.gguf, without user, password or fragment"
            else if builtins.any holdsSecret urls then
              "${here} holds a signature or a token, which everybody could read in the store: name an address without"
            else
              null
          ) null paths;
    in
    check where known args (
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
          # Mirrors are left out: they serve the same content.
          identity = {
            type = "url";
            files = builtins.mapAttrs (_path: builtins.head) files;
          };
          spec = paths: { url.files = import ../only.nix paths files; };
        }
    );
}
