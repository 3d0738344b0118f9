"""What the library refuses: what the message says is written, and there is a derivation."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support.expressions import LIBRARY
from support.nix import NixError
from support.remedies import cure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv
    from support.remedies import Remedy

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
HUB = f'source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }};'
ONE = 'name = "m"; source.huggingface.repo = "org/m"; '
FILES = f'name = "m"; {HUB} files.x.hash = ""; '
BUNDLE = f'name = "m"; {HUB} bundle = {{ hash = ""; files.x.hash = ""; }}; '
TWIN = 'name = "twin"; source.huggingface.repo = "org/m"; hash = "";'
PLAIN = 'name = "m"; hash = ""; integration.huggingface.enable = false; '
S3 = f'{PLAIN}source.s3.bucket = "my-models"; '
URL = f'{PLAIN}source.url.files."m.gguf" = '
GOOD = 'source.url.files."m.gguf" = "https://example.org/m.gguf";'


@pytest.fixture(scope="module")
def nix() -> Iterator[NixEnv]:
    with nixes.available("host") as nix:
        yield nix


def fill(remedy: Remedy, said: str, right: str) -> str:
    """Fill in what the message says.

    $0 stands for what its template leaves open first, @0 for the first code that it shows.
    """
    for mark, values in (("$", remedy(said)), ("@", remedy.commands)):
        for number, value in enumerate(values):
            right = right.replace(f" {mark}{number}", f" {value}")
    return right


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure('write its SRI hash, or "" to have Nix report it', f'name = "m"; {HUB} files.x.size = 5;', FILES),
        cure('write a name for the model, as in name = "llama-2-7b"', f'{HUB} hash = "";', f'name = "llama-2-7b"; {HUB} hash = "";'),
        cure('write where the model comes from, as in source.huggingface.repo = "org/name"', 'name = "m"; hash = "";', 'name = "m"; hash = ""; source.huggingface.repo = "org/name";'),
        cure('needs a pin: set `hash = "sha256-…"` (with "", Nix reports the right one) or `files = { … }` (from `aimodels-gen lock`)', ONE, f'{ONE}hash = "";'),
        cure("has both `hash` and `…`; keep one", f'{FILES}hash = "";', FILES),
        cure("has both `hash` and `…`; keep one", f'{BUNDLE}hash = "";', BUNDLE),
        cure("`bundle.files` is empty: leave out `bundle`", f'{FILES}bundle = {{ hash = ""; files = {{ }}; }};', FILES),
        cure("… is in both `files` and `bundle.files`; keep one", f'{BUNDLE}files.x.hash = "";', BUNDLE),
        cure('write its files, as in bundle.files."config.json".hash = ""', f'name = "m"; {HUB} bundle.hash = "";', BUNDLE),
        cure("`files` is empty: there is nothing to fetch", f'name = "m"; {HUB} files = {{ }};', FILES),
        cure("a `files` pin needs the commit: add `rev`, or run `aimodels-gen lock`", f'{ONE}files.x.hash = "";', FILES),
        cure("`include` and `exclude` require `hash`; `files` already lists the files", f'{FILES}include = [ "*" ];', FILES),
        cure("`layout` requires `files`; a `hash` pin is one self-contained path", f'{ONE}hash = ""; layout = "link";', f'{FILES}layout = "link";'),
        cure("`integration.huggingface` names the entry …: use letters, digits, . _ and -", f'{ONE}hash = ""; integration.huggingface = {{ org = "a b"; model = "c"; }};', f'{ONE}hash = ""; integration.huggingface = {{ org = "a-b"; model = "c"; }};'),
        cure('`source.…` has no repository name: set `integration.huggingface = { org = "…"; model = "…"; }`, or `integration.huggingface.enable = false` for plain files', 'name = "m"; hash = ""; source.s3.bucket = "my-models";', 'name = "m"; hash = ""; source.s3.bucket = "my-models"; integration.huggingface = { org = "o"; model = "m"; };'),
        cure("`…` must have exactly one attribute (one of: …), but has …", f'{S3}source.url.files.x = "";', S3),
        cure("`….…` is not a kind of source…", f'{PLAIN}source.git.repo = "a";', S3),
        cure("`….…` is not a kind of source…", 'name = "m"; hash = ""; source.hf.repo = "org/m";', f'{ONE}hash = "";'),
        cure('write "org/name" as on the Hub', 'name = "m"; hash = ""; source.huggingface.ref = "main";', f'{ONE}hash = "";'),
        cure("`….repo = …` is not a repository: write …", 'name = "m"; hash = ""; source.huggingface.repo = "a b";', f'{ONE}hash = "";'),
        cure("`….repo = …` is not a repository: write …", 'name = "m"; hash = ""; source.huggingface.repo = "datasets/a/b";', 'name = "m"; hash = ""; @1;'),
        cure(", and `include = [ … ]` with a `hash` pin if you want only these files", 'name = "m"; hash = ""; source.huggingface.repo = "a/b/c";', f'{ONE}hash = ""; @0;'),
        cure("`….ref = …` is a commit: write …", f'{ONE}hash = ""; source.huggingface.ref = "{REV}";', f'{ONE}hash = ""; @1;'),
        cure('`….ref = …` is not a branch, a tag or refs/pr/N: write the name of one, or leave it out for "main"', f'{ONE}hash = ""; source.huggingface.ref = "v1 ";', f'{ONE}hash = ""; source.huggingface.ref = "v1";'),
        cure('`….ref = …` is not a branch, a tag or refs/pr/N: write the name of one, or leave it out for "main"', f'{ONE}hash = ""; source.huggingface.ref = "";', f'{ONE}hash = "";'),
        cure("`….rev = …` is not a commit of 40 hex digits; set `ref` for a branch or tag", f'{ONE}hash = ""; source.huggingface.rev = "main";', f'{ONE}hash = ""; source.huggingface.ref = "main";'),
        cure("`….endpoint` is an empty list: name a server, or leave it out", f'{ONE}hash = ""; source.huggingface.endpoint = [ ];', f'{ONE}hash = ""; source.huggingface.endpoint = [ "https://hub.example.org" ];'),
        cure("`….endpoint` is empty: name a server, or leave it out", f'{ONE}hash = ""; source.huggingface.endpoint = "";', f'{ONE}hash = "";'),
        cure("`….endpoint` is not the http(s) URL of a server: write one like https://hub.example.org, without user, password or query", f'{ONE}hash = ""; source.huggingface.endpoint = "hub.example.org";', f'{ONE}hash = ""; source.huggingface.endpoint = "https://hub.example.org";'),
        cure("`….bucket = …` is not a bucket name: write …", f'{PLAIN}source.s3.bucket = "https://my-models";', S3),
        cure("`….bucket = …` is not a bucket name: write …", f'{PLAIN}source.s3.bucket = "s3://my-models/a";', f"{PLAIN}@1;"),
        cure("`….prefix` is longer than the 1024 bytes that a name in a bucket may have: shorten it", f'{S3}source.s3.prefix = "{"a" * 1100}";', f'{S3}source.s3.prefix = "a";'),
        cure("`….prefix = …` contains `.` or `..` as a part, which cannot be requested: remove it", f'{S3}source.s3.prefix = "../a";', f'{S3}source.s3.prefix = "a";'),
        cure("`….region = …` is not a region: write one like eu-central-1", f'{S3}source.s3.region = "eu central";', f'{S3}source.s3.region = "eu-central-1";'),
        cure("`….endpoint` is not the http(s) URL of a server: write one like https://s3.example.org, without user, password or query", f'{S3}source.s3.endpoint = "s3.example.org";', f'{S3}source.s3.endpoint = "https://s3.example.org";'),
        cure('write files."model.gguf" = "https://…"', f"{PLAIN}source.url = {{ }};", PLAIN + GOOD),
        cure('`….files` is empty: write files."model.gguf" = "https://…"', f"{PLAIN}source.url.files = {{ }};", PLAIN + GOOD),
        cure("… is an empty list: write the URL of the file", f"{URL}[ ];", PLAIN + GOOD),
        cure("… is not the http(s) URL of a file: write one like https://example.org/model.gguf, without user, password or fragment", f'{URL}"example.org/m";', PLAIN + GOOD),
        cure("… contains a signature or a token, which everybody could read in the store: use a URL without it", f'{URL}"https://example.org/m?X-Amz-Signature=1";', PLAIN + GOOD),
        cure('… has a query, which everybody could read in the store: if nothing in it is secret, add `….query = "public";`', f'{URL}"https://example.org/m?a=b";', f'{URL}"https://example.org/m?a=b"; $1.query = "public";'),
        cure("`…` must be a string, but is a path: write it in quotes, `…`", 'name = "m"; hash = ""; source.huggingface.repo = a/b;', f'{ONE}hash = "";'),
        cure("`…` must be …, but …: write `…`", f'{ONE}hash = ""; include = "*";', f'{ONE}hash = ""; $3;'),
        cure("`… = …` is not …", f'{ONE}hash = ""; source.huggingface.repoType = "data";', f'{ONE}hash = ""; source.huggingface.repoType = "dataset";'),
        cure("`…` is not known…", f'{ONE}hsh = "";', f'{ONE}hash = "";'),
        cure("`…` is not known…", f'{ONE}sha256 = "";', f"{ONE}@1;"),
        cure(": write …", f'{ONE}hash = ""; source.huggingface.Repo_Type = "dataset";', f'{ONE}hash = ""; @0;'),
        cure(": write …", f'{ONE}hash = ""; revision = "v1";', f'{ONE}hash = ""; @0;'),
        cure("`…` is missing: …", 'name = "m"; hash = "";', f'{ONE}hash = "";'),
        cure('`… = …` is not an SRI hash: write sha256-<44 characters>, or "" to have Nix report it', f'{ONE}hash = "abc";', f'{ONE}hash = "";'),
    ],
)  # fmt: skip
def test_arguments(nix: NixEnv, remedy: Remedy, wrong: str, right: str) -> None:
    with pytest.raises(NixError) as caught:
        nix.eval(f"{LIBRARY} (library.fetchModel pkgs {{ {wrong} }}).drvPath")
    filled = fill(remedy, str(caught.value), right)
    assert nix.eval(f"{LIBRARY} (library.fetchModel pkgs {{ {filled} }}).drvPath")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure("nix-ai-models: the first argument of fetchModel is nixpkgs: write `fetchModel pkgs { … }`", f'(library.fetchModel {{ {ONE} hash = ""; }} {{ }}).drvPath', f'(library.fetchModel pkgs {{ {ONE} hash = ""; }}).drvPath'),
        cure("nix-ai-models: the first argument of integration.mkCache is nixpkgs: write `mkCache pkgs models`", '(integration.mkCache { } [ (model "m") ]).drvPath', '(integration.mkCache pkgs [ (model "m") ]).drvPath'),
        cure("`…` is a directory in the container: write an absolute path, as a string, without colons and spaces", 'integration.mkContainerMounts { models = [ (model "m") ]; cacheDir = "a:b"; }', 'integration.mkContainerMounts { models = [ (model "m") ]; cacheDir = "/cache"; }'),
        cure("`models` must be a list or an attribute set of models made by `fetchModel`; for a single one, write `[ model ]`", 'integration.mkShellHook { models = model "m"; }', 'integration.mkShellHook { models = [ (model "m") ]; }'),
        cure("model … is not a cache entry because of `integration.huggingface.enable = false`: remove that, or leave the model out and pass its path to programs (`integration.getModelPath`)", f"integration.mkShellHook {{ models = [ (library.fetchModel pkgs {{ {S3} }}) ]; }}", f"integration.getModelPath (library.fetchModel pkgs {{ {S3} }})"),
        cure("… was not made by `fetchModel`: it has no `hfCachePath`", "integration.mkShellHook { models = [ pkgs.cacert ]; }", 'integration.mkShellHook { models = [ (model "m") ]; }'),
        cure("… and … are both … in the cache: keep one, or write `…` where … is made, and load it by that name", f'integration.mkShellHook {{ models = [ (model "m") (library.fetchModel pkgs {{ {TWIN} }}) ]; }}', f'integration.mkShellHook {{ models = [ (model "m") (library.fetchModel pkgs {{ {TWIN} @0 }}) ]; }}'),
        cure("write the models, as in models = [ llama-2-7b ]", "integration.mkShellHook { }", 'integration.mkShellHook { models = [ (model "m") ]; }'),
        cure("the model was not made by `fetchModel`: it has no `snapshotPath`", "integration.getModelPath pkgs.cacert", 'integration.getModelPath (model "m")'),
        cure('write the name of the model, as in model = "Llama-2-7b-hf"', "integration.mkCacheName { }", 'integration.mkCacheName { model = "Llama-2-7b-hf"; }'),
        cure("write the model, as in model = llama-2-7b", 'integration.mkLinkScript { cacheDir = "/x"; }', 'integration.mkLinkScript { cacheDir = "/x"; model = model "m"; }'),
        cure('write the hub directory, as in cacheDir = "$HOME/.cache/huggingface/hub"', 'integration.mkLinkScript { model = model "m"; }', 'integration.mkLinkScript { model = model "m"; cacheDir = "$HOME/.cache/huggingface/hub"; }'),
        cure("the arguments must be …, but are …: write `{ …; }`", "integration.mkShellHook [ ]", 'integration.mkShellHook { models = [ (model "m") ]; }'),
    ],
)  # fmt: skip
def test_calls(nix: NixEnv, remedy: Remedy, wrong: str, right: str) -> None:
    with pytest.raises(NixError) as caught:
        nix.eval(f"{LIBRARY} builtins.deepSeq ({wrong}) null")
    filled = fill(remedy, str(caught.value), right)
    nix.eval(f"{LIBRARY} builtins.deepSeq ({filled}) null")
