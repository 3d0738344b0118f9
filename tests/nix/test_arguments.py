"""Arguments of wrong types are refused with what to write, before anything is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import nix as nixes
from support.expressions import LIBRARY
from support.nix import NixError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv

    Tried = dict[str, dict[str, dict[str, Any]]]

STRINGS = {"string", "empty", "long"}
# What each place takes; any other kind of value is refused.
TAKEN = {
    "name": STRINGS,
    "hash": {"empty"},
    "meta": {"set"},
    "meta.license": {"null", *STRINGS, "list", "strings", "set", "derivation"},
    "include": {"null", "list", "strings"},
    "include []": STRINGS,
    "exclude": {"list", "strings"},
    "exclude []": STRINGS,
    "integration": {"set"},
    "integration.huggingface": {"set"},
    "integration.huggingface.enable": {"boolean"},
    "integration.huggingface.org": {"null", "string"},
    "integration.huggingface.model": {"null", "string"},
    "fallbacks": {"list"},
    "source.huggingface.repo": {"string"},
    "source.huggingface.rev": {"null"},
    "source.huggingface.ref": {"string"},
    "source.huggingface.endpoint": {"null"},
    "source.s3.prefix": {"string", "empty"},
    "source.s3.region": {"null", "string"},
    "source.s3.endpoint": {"null"},
    "source.s3.versions": {"set"},
    'source.s3.versions."x"': STRINGS,
    'files."x".hash': {"empty"},
    'files."x".size': {"null", "integer"},
    'files."x".lfs': {"boolean"},
    "bundle": {"null"},
    "bundle.hash": {"empty"},
    'bundle.files."y".hash': {"empty"},
    'bundle.files."y".size': {"null", "integer"},
}
# Of these only the type is checked before the build is evaluated.
HASHES = {"hash", 'files."x".hash', "bundle.hash", 'bundle.files."y".hash'}


@pytest.fixture(scope="module", params=nixes.KINDS)
def tried(request: pytest.FixtureRequest) -> Iterator[Tried]:
    with nixes.available(request.param) as nix:
        yield nix.eval("import ./tests/nix/wrong-arguments.nix")


def test_what_each_place_takes(tried: Tried) -> None:
    built = {
        place: {kind for kind in kinds if kinds[kind]["built"]} for place, kinds in tried.items()
    }
    assert {place: kinds for place, kinds in built.items() if kinds} == TAKEN


def test_the_modules_know_what_is_refused(tried: Tried) -> None:
    for place, kinds in tried.items():
        for kind, result in kinds.items():
            known_later = place in HASHES and kind in STRINGS
            assert result["built"] == (result["problem"] is None) or known_later, (place, kind)


def test_messages_name_the_place_and_a_line_to_write(tried: Tried) -> None:
    for place, kinds in tried.items():
        name = place.removesuffix(" []")
        for kind in ("float", "function", "path", "derivation"):
            problem = kinds[kind]["problem"]
            if problem is None:
                continue
            quoted = "the arguments must" if name == "arguments" else f"`{name}` must"
            assert problem.startswith(quoted), problem
            assert f"a {kind}" in problem
            assert ": write " in problem
            assert "/" not in problem.replace("org/name", ""), "no path is copied to the store"
        assert all(len(result["problem"] or "") < 500 for result in kinds.values())
        assert all("\n" not in (result["problem"] or "") for result in kinds.values())


REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
MEANT = {
    'include = "*.json"': 'include = [ "*.json" ]',
    'exclude = "*.bin"': 'exclude = [ "*.bin" ]',
    'source = "a/b"': 'source.huggingface.repo = "a/b"',
    'source.huggingface = "a/b"': 'source.huggingface.repo = "a/b"',
    'source = "https://huggingface.co/datasets/a/b"': (
        'source.huggingface = { repo = "a/b"; repoType = "dataset"; }'
    ),
    'source.huggingface = "hf://a/b"': 'source.huggingface.repo = "a/b"',
    'source.s3 = "s3://my-models/a"': 'source.s3 = { bucket = "my-models"; prefix = "a"; }',
    'source.s3.bucket = "s3://my-models"': 'source.s3.bucket = "my-models"',
    'source.s3.url = "s3://my-models"': 'source.s3.bucket = "my-models"',
    'source.s3.path = "a/"': 'source.s3.prefix = "a/"',
    'source.url.url = "https://example.org/x"': 'source.url.files."PATH" = "https://…"',
    'source.hf.repo = "a/b"': "source.huggingface = { … }",
    'source.huggingface.repo = "https://huggingface.co/a/b"': 'source.huggingface.repo = "a/b"',
    'source.huggingface.repo = "datasets/a/b"': (
        'source.huggingface = { repo = "a/b"; repoType = "dataset"; }'
    ),
    'source.huggingface.repo = "a/b/c"': 'source.huggingface.repo = "a/b"',
    'source.huggingface.repo = "a/b:Q4"': 'source.huggingface.repo = "a/b"',
    'source.huggingface.repoId = "a/b"': 'source.huggingface.repo = "a/b"',
    'source.huggingface.repo_type = "dataset"': 'source.huggingface.repoType = "dataset"',
    'source.huggingface.revision = "v1"': 'source.huggingface.ref = "v1"',
    f'source.huggingface.revision = "{REV}"': f'source.huggingface.rev = "{REV}"',
    'source.huggingface.tag = "v1"': 'source.huggingface.ref = "v1"',
    f'source.huggingface = {{ repo = "a/b"; ref = "{REV}"; }}': f'source.huggingface.rev = "{REV}"',
    'source.huggingface.quant = "Q4"': 'include = [ "*Q4[.-]*gguf" ]',
    'repo = "a/b"': 'source.huggingface.repo = "a/b"',
    'rev = "v1"': 'source.huggingface.ref = "v1"',
    'sha256 = "sha256-x"': 'hash = "sha256-x"',
    'allow_patterns = [ "*.json" "a" ]': 'include = [ "*.json" "a" ]',
    'license = "mit"': 'meta.license = "mit"',
    "source.huggingface.repo = 5": 'source.huggingface.repo = "5"',
    "source.huggingface.repo = a/b": 'it in quotes, `source.huggingface.repo = "…"',
    'source.s3 = "my-models"': 'source.s3.bucket = "my-models"',
    'source.url = "https://user:secret@example.org/x"': 'source.url.files."PATH" = "…"',
    'fallbacks = { s3.bucket = "b"; }': "fallbacks = [ { … } ]",
    "integration = false": "integration.huggingface.enable = false",
    "integration.huggingface = false": "integration.huggingface.enable = false",
    'integration.huggingface.enable = "no"': "integration.huggingface.enable = false",
    "files = [ ]": 'files."PATH".hash = "…"',
    'files.x = "sha256-…"': 'files."x".hash = "sha256-…"',
    'files.x = { hash = ""; size = "5"; }': 'files."x".size = 5',
    'files.x = { hash = ""; lfs = "no"; }': 'files."x".lfs = false',
    'bundle = "sha256-x"': 'bundle.hash = "sha256-x"',
    'bundle = { sha256 = "sha256-x"; files = { }; }': 'bundle.hash = "sha256-x"',
    'bundle = { hash = ""; files.x = "sha256-x"; }': 'bundle.files."x".hash = "sha256-x"',
    "hash = [ ]": 'hash = "…"',
    'meta = "mit"': 'meta.license = "mit"',
}


@pytest.mark.parametrize(("wrong", "right"), MEANT.items())
def test_what_was_meant(host_nix: NixEnv, wrong: str, right: str) -> None:
    given = {"name": '"my model"', "source.huggingface.repo": '"org/model"', "hash": '""'}
    key, _, value = wrong.partition(" = ")
    given = {k: v for k, v in given.items() if not k.startswith(key) and not key.startswith(k)}
    if key.startswith("source."):
        given.pop("source.huggingface.repo", None)
    body = " ".join(f"{k} = {v};" for k, v in {**given, key: value}.items())
    with pytest.raises(NixError) as caught:
        host_nix.eval(f"{LIBRARY} (library.fetchModel pkgs {{ {body} }}).outPath")
    said = str(caught.value).partition("nix-ai-models: ")[2]
    assert said.startswith('model "my model": `')
    assert f": write `{right}`" in said or f": write {right}`" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            "library.fetchModel { }",
            "the first argument of fetchModel is nixpkgs: write `fetch",
        ),
        ("library.fetchModel pkgs [ ]", "fetchModel: the arguments must be an attribute set, but"),
        ("library.fetchModel pkgs { }", "fetchModel: `name` is missing: write a name"),
        ('library.fetchModel pkgs { name = "m"; }', 'model "m": `source` is missing: write where'),
        ('library.fetchModel pkgs { name = "m"; hsh = 1; }', 'model "m": `hsh` is not known; use'),
        ("integration.mkCache [ ] [ ]", "the first argument of integration.mkCache is nixpkgs"),
        ("integration.mkShellHook [ ]", "mkShellHook: the arguments must be an attribute set, but"),
        ("integration.mkShellHook { }", "mkShellHook: `models` is missing: write the models, as"),
        (
            'integration.mkShellHook { models = [ ]; offline = "no"; }',
            "mkShellHook: `offline` must be true or false, but is a string: write `offline = fals",
        ),
        (
            "integration.mkContainerMounts { model = 1; }",
            "mkContainerMounts: `model` is not known",
        ),
        (
            "integration.mkContainerVolumes null",
            "mkContainerVolumes: the arguments must be an at",
        ),
        (
            'integration.mkLinkScript { cacheDir = "/x"; }',
            "mkLinkScript: `model` is missing",
        ),
        (
            'integration.mkLinkScript { model = model "m"; cacheDir = /x; }',
            "mkLinkScript: `cacheDir` must be a string, but is a path: write it in quotes",
        ),
        (
            'integration.mkLinkScript { model = [ (model "m") ]; cacheDir = "/x"; }',
            'mkLinkScript: "number 1" was not made by `fetchModel`',
        ),
        ('integration.mkCacheName "a/b"', "mkCacheName: the arguments must be an attribute set"),
        (
            'integration.mkCacheName { model = "a"; org = 5; }',
            "mkCacheName: `org` must be a stri",
        ),
        ("integration.getModelPath pkgs.cacert", "getModelPath: the model was not made by `fetchM"),
        ('integration.getModelPath "/nix/store/x"', "getModelPath: the model was not made by"),
    ],
)
def test_other_calls(host_nix: NixEnv, call: str, said: str) -> None:
    with pytest.raises(NixError) as caught:
        host_nix.eval(f"{LIBRARY} builtins.isFunction ({call})")
    assert "nix-ai-models: " in str(caught.value)
    assert said in str(caught.value)
