/**
  Turns a pin into a store path that is a Hugging Face cache entry. Linked as
  `hub/${model.hfCachePath}`, it is found by `from_pretrained`.

  # Type

  ```
  fetchModel :: Pkgs -> AttrSet -> Derivation
  ```

  # Arguments

  name
  : Name of the derivation, and of the model in messages.

  source
  : Exactly one source. `source.huggingface = { repo; rev ? null; ref ? "main"; repoType ? "model";
    endpoint ? null; }`: `rev` is a commit; `ref` is the branch or tag that it stands for; `endpoint`
    is the URL of a mirror, or a list of URLs to try in order.
    `source.s3 = { bucket; prefix ? ""; region ? null; endpoint ? null; versions ? { }; }`: the objects
    below a prefix of a bucket; `versions` maps paths to object versions.
    `source.url.files = { PATH = URL; }`: single files, each with a URL, or a list of URLs to try in
    order.

  fallbacks
  : A list of more sources that have the same files. They are tried in order when the sources before
    them fail.

  hash
  : The `tree` pin: SRI hash of the whole result. With "", Nix reports the right one.

  files
  : The `files` pin: path in the repository -> `{ hash; size ? null; lfs ? false; }`. For the Hub it
    requires `rev`.

  bundle
  : Beside `files` or in their place, small files that are fetched together: `{ hash; files; }` with
    `files` as above, without `lfs`. `hash` is the SRI hash of a directory that contains them, each named
    by its sha256 in hex digits. With "", Nix reports the right one.

  layout
  : With `files` or `bundle`: "copy" makes the result self-contained, "link" makes its blobs symbolic links to
    the store paths of the single files.

  include, exclude
  : With `hash`: fnmatch patterns of the paths to fetch, and of paths to leave out.

  integration.huggingface
  : `enable = false` makes the result the plain files instead of a cache entry; `org` and `model`
    rename the entry.

  integration.ollama, integration.lmstudio, integration.comfyui, integration.triton, integration.directory.<name>
  : Directories of links for these programs: see ./views/default.nix and its neighbours.

  meta
  : As for any package. `license` may also be a name as on the Hub.

  # Result

  `passthru` contains `meta` (nixpkgs' own with `org`, `model`, `sourceType`, `repo` and `rev`),
  `hfCachePath`, `snapshotPath`, `linked` (the same entry without copies), `copied` (the same without
  references to other store paths), `modelFiles` (path -> path in the store), `integration` (the directories for
  programs) and, for a `files` pin, `blobs`: path -> derivation. `overrideAttrs` changes all forms of the entry.

  # Example

  ```nix
  fetchModel pkgs {
    name = "llama-2-7b";
    source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
    hash = "sha256-…";
  }
  ```
*/
let
  inherit (import ./arguments.nix) check;
  inherit (import ./util.nix) quote;
  buildModel = import ./build-model.nix;
in
pkgs:
assert
  pkgs ? stdenvNoCC
  || throw "nix-ai-models: the first argument of fetchModel is nixpkgs: write `fetchModel pkgs { … }`";
let
  build = buildModel pkgs;
in
arguments:
let
  label =
    if builtins.isString (arguments.name or null) then
      "model ${quote arguments.name}"
    else
      "fetchModel";
  fail = message: throw "nix-ai-models: ${label}: ${message}";
in
build fail (check fail arguments)
