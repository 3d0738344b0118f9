# Commands for any POSIX shell that link models into the cache of huggingface_hub.
let
  inherit (import ./quote.nix) expandable literal;
  types = import ../types;

  # `ai_models_link NAME TARGET` creates the link in $hub; files that may be the user's stay as they are
  # and are reported on stderr. Another shell may do the same at the same time: the link is then missing
  # for a moment, or exists already. Run it in a subshell, because it sets variables. It prints with
  # printf, because the echo of some shells interprets backslashes.
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
            printf '%s\n' "nix-ai-models: $link points to $there, outside the Nix store: remove the link to use the model from the store" >&2
            return 1
            ;;
        esac
      elif [ -e "$link" ]; then
        printf '%s\n' "nix-ai-models: $link is not a symbolic link and may contain your downloads: move it away to use the model from the Nix store" >&2
        return 1
      fi
      said=$(ln "$how" -- "$2" "$link" 2>&1) || [ "$(readlink -- "$link")" = "$2" ] || {
        printf '%s\n' "nix-ai-models: cannot create $link ($said): make its directory writable for you, or use another cache" >&2
        return 1
      }
    }
  '';

  # Root can write through the links, unless the store is mounted read-only or programs are offline. The
  # `test` of some shells does not look at mounts.
  warnOfRoot = ''
    case ''${HF_HUB_OFFLINE:-''${TRANSFORMERS_OFFLINE-}} in
      1 | [Tt][Rr][Uu][Ee] | [Yy][Ee][Ss] | [Oo][Nn]) ;;
      *)
        if [ "$(id -u)" = 0 ] && env test -w ${literal builtins.storeDir}; then
          printf '%s\n' "nix-ai-models: as root, programs that go online can write through $hub into ${builtins.storeDir}, which is not mounted read-only: set HF_HUB_OFFLINE=1" >&2
        fi
        ;;
    esac
  '';

  # As huggingface_hub finds it, also if a variable is set but empty, or begins with `~`. A relative path
  # would depend on the working directory.
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
      printf '%s\n' "nix-ai-models: models are not linked ($said): set HF_HOME to a directory that you can write to" >&2
      exit 0
    }
  '';
in
{
  /**
    Shell commands that link a model into the cache of huggingface_hub. They can be repeated, and replace
    only symbolic links into the Nix store: a directory may contain downloads, and other links are the
    user's own. In those cases the commands, which are a subshell, fail. They set nothing in the shell that
    runs them. Root is warned if programs could write through the link.

    # Type

    ```
    mkLinkScript :: { model :: Derivation, cacheDir :: String } -> String
    ```

    # Arguments

    model
    : A model made by `fetchModel`.

    cacheDir
    : The `hub` directory. The shell expands variables in it: "$HOME/.cache/huggingface/hub".
  */
  mkLinkScript =
    given:
    let
      helper = import ./models.nix "mkLinkScript";
      inherit
        (helper.arguments {
          main = "model";
          fields = {
            model = {
              type = types.any; # `byCacheName` checks it
              missing = "write the model, as in model = llama-2-7b";
            };
            cacheDir = {
              type = types.string;
              missing = "write the hub directory, as in cacheDir = \"$HOME/.cache/huggingface/hub\"";
            };
          };
        } given)
        model
        cacheDir
        ;
      entries = helper.byCacheName [ model ];
      link = cacheName: "ai_models_link ${literal cacheName} ${literal "${model}"}";
    in
    ''
      (
      ${linkFunction}
      hub=${expandable cacheDir}
      mkdir -p -- "$hub" || exit 1
      ${toString (map link (builtins.attrNames entries))} || exit 1
      ${warnOfRoot}
      )
    '';

  /**
    The `shellHook` of a development shell whose programs find the models. It links them into the cache
    that huggingface_hub uses there (`HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, or else `~/.cache`) under
    the rules of `mkLinkScript`. It prints one line for each model that it cannot link, and nothing else;
    the shell always starts.

    # Type

    ```
    mkShellHook :: { models :: [Derivation] | AttrSet, offline :: Bool ? true } -> String
    ```

    # Arguments

    models
    : Models made by `fetchModel`, as a list or an attribute set.

    offline
    : Whether to set `HF_HUB_OFFLINE` and `TRANSFORMERS_OFFLINE`, which keep programs from sending requests.

    # Example

    ```nix
    mkShell { shellHook = mkShellHook { models = [ llama-2-7b ]; }; }
    ```
  */
  mkShellHook =
    given:
    let
      helper = import ./models.nix "mkShellHook";
      inherit
        (helper.withModels {
          offline = {
            type = types.bool;
            default = true;
          };
        } given)
        models
        offline
        ;
      entries = helper.byCacheName models;
      link =
        cacheName:
        "ai_models_link ${literal cacheName} ${literal "${helper.linked entries.${cacheName}}"}\n";
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
          ${if offline then "" else warnOfRoot}
          ) || :
        ''
    )
    + (if offline then "export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1\n" else "");
}
