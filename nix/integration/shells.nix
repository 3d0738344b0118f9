# Shell commands that put models where huggingface_hub looks, for any POSIX shell.
let
  inherit (import ./quote.nix) expandable literal;

  # `ai_models_link NAME TARGET` makes the link in $hub; what may be a user's stays as it is, and is
  # named in a line on stderr. Another shell may do the same at the same time: then a link is gone for
  # a moment, or there already. To be used in a subshell, since it sets variables. It says its lines
  # with printf, because some shells' echo reads backslashes.
  linkFunction = ''
    ai_models_link() {
      link=$hub/$1 how=-sn
      if [ -L "$link" ]; then
        there=$(readlink -- "$link")
        case $there in
          "$2") return 0 ;;
          ${literal builtins.storeDir}/*) how=-sfn ;;
          "") ;;
          *)
            printf '%s\n' "nix-ai-models: $link leads to $there, not into the Nix store: remove the link to use the model from the store" >&2
            return 1
            ;;
        esac
      elif [ -e "$link" ]; then
        printf '%s\n' "nix-ai-models: $link is not a symbolic link, and may hold downloads of yours: move it away to use the model from the Nix store" >&2
        return 1
      fi
      said=$(ln "$how" -- "$2" "$link" 2>&1) || [ "$(readlink -- "$link")" = "$2" ] || {
        printf '%s\n' "nix-ai-models: $link is not made ($said): make its folder writable for you, or choose another cache" >&2
        return 1
      }
    }
  '';

  # As huggingface_hub finds it, also where a variable is set and empty, or begins with `~`. A relative
  # path would be another folder from each directory.
  findHub = ''
    cache=''${XDG_CACHE_HOME-'~/.cache'}
    home=''${HF_HOME-''${cache:+$cache/}huggingface}
    hub=''${HF_HUB_CACHE-''${HUGGINGFACE_HUB_CACHE-''${home:+$home/}hub}}
    case $hub in
      '~' | '~/'*) hub=''${HOME:-'~'}''${hub#'~'} ;;
    esac
    case $hub in
      *'$'* | ${literal builtins.storeDir}/* | [!/]* | "")
        printf '%s\n' "nix-ai-models: models are not linked, because the cache would be \"$hub\": set HF_HOME to an absolute path outside the Nix store, without variables" >&2
        exit 0
        ;;
    esac
    said=$(mkdir -p -- "$hub" 2>&1) || {
      printf '%s\n' "nix-ai-models: models are not linked ($said): set HF_HOME to a folder that you can write to" >&2
      exit 0
    }
  '';
in
{
  /**
    Shell commands that put a model where huggingface_hub looks. They can be run again and again, and
    replace only symbolic links into the Nix store: a folder may hold what a user has downloaded, and
    a link to elsewhere is a user's own. They are a subshell that fails then; nothing leaks into the
    shell that runs it.

    # Type

    ```
    mkLinkScript :: { model :: Derivation, cacheDir :: String } -> String
    ```

    # Arguments

    model
    : What `fetchModel` gave.

    cacheDir
    : The `hub` folder. The shell expands variables in it: "$HOME/.cache/huggingface/hub".
  */
  mkLinkScript =
    { model, cacheDir }:
    let
      entries = (import ./models.nix "mkLinkScript").byCacheName [ model ];
      link = cacheName: "ai_models_link ${literal cacheName} ${literal "${model}"}";
    in
    ''
      (
      ${linkFunction}
      hub=${expandable cacheDir}
      mkdir -p -- "$hub" || exit 1
      ${toString (map link (builtins.attrNames entries))}
      )
    '';

  /**
    What `shellHook` of a development shell has to be for programs in it to find the models: links in
    the cache that huggingface_hub uses there (`HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, else
    `~/.cache`). It works as `mkLinkScript` does, says a line for each model that it cannot link, and
    goes on: the shell starts in any case. It prints nothing where nothing is wrong.

    # Type

    ```
    mkShellHook :: { models :: [Derivation] | AttrSet, offline :: Bool ? true } -> String
    ```

    # Arguments

    models
    : What `fetchModel` gave: a list or an attribute set.

    offline
    : Whether to set `HF_HUB_OFFLINE` and `TRANSFORMERS_OFFLINE`, so that no request leaves the machine.

    # Example

    ```nix
    mkShell { shellHook = mkShellHook { models = [ llama-2-7b ]; }; }
    ```
  */
  mkShellHook =
    {
      models,
      offline ? true,
    }:
    let
      inherit (import ./models.nix "mkShellHook") byCacheName linked;
      entries = byCacheName models;
      link =
        cacheName: "ai_models_link ${literal cacheName} ${literal "${linked entries.${cacheName}}"}\n";
    in
    (
      if entries == { } then
        ""
      else
        ''
          (
          set +eu
          ${linkFunction}
          ${findHub}
          ${builtins.concatStringsSep "" (map link (builtins.attrNames entries))}
          ) || :
        ''
    )
    + (if offline then "export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1\n" else "");
}
