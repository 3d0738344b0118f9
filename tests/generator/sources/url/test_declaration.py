"""Addresses in a manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from aimodels_gen.errors import ManifestError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.model import Lock, PinnedSource
from aimodels_gen.manifest.parse import parse as parse_manifest
from aimodels_gen.sources.url import Url
from aimodels_gen.sources.url.files import UrlFile
from aimodels_gen.tables import OneOrMore
from generator import samples
from generator.sources.buckets import INTEGRATION
from support import addresses

if TYPE_CHECKING:
    from aimodels_gen.manifest.model import Entry
    from support.project import Project

URL = "https://example.org/model.gguf"


def manifest(files: str, more: str = "") -> str:
    return f"[models.m]\nsource.url.files = {files}\n{more}\n{INTEGRATION}\n"


def parse(files: str, more: str = "") -> Entry:
    (entry,) = parse_manifest(manifest(files, more)).entries
    return entry


@pytest.mark.parametrize(
    ("given", "expected"),
    [(f'"{URL}"', [URL]), (f'["{URL}"]', [URL]), (f'["{URL}", "http://b/x"]', [URL, "http://b/x"])],
)
def test_an_address_or_several(given: str, expected: list[str]) -> None:
    source = parse(f'{{ "model.gguf" = {given} }}').source
    assert source.to_spec() == {"files": {"model.gguf": expected}}
    assert source.label == URL


BAD = [
    ("{}", "has no files"),
    ('{ "a" = "" }', "is empty"),
    ('{ "a" = [] }', "is empty"),
    ('{ "a" = 1 }', "write a string or a list"),
    ('{ "a" = "example.org/a" }', "is not an http(s) address of a file"),
    ('{ "a" = "ftp://example.org/a" }', "is not an http(s) address of a file"),
    ('{ "a" = "https://me:secret@example.org/a" }', "without user and password"),
    ('{ "a" = "https://example.org/" }', "is not an http(s) address of a file"),
    ('{ "a" = "https://b.s3.amazonaws.com/a?X-Amz-Signature=secret" }', "holds a signature"),
    ('{ "a" = "https://example.org/a?download=1&token=secret" }', "holds a signature"),
    ('{ "a" = ["https://example.org/a", "https://x.org/a?sig=secret"] }', "holds a signature"),
    ('{ "a" = "https://me:hunter/secret@example.org/a" }', "without user and password"),
    ('{ "a" = "https://example.org/a?anything=hunter2" }', "has a query"),
    (
        '{ "a" = ["https://b/a", "https://example.org/a?hunter2"] }',
        'add query = "public" to models.m.source.url',
    ),
]


@pytest.mark.parametrize(("files", "expected"), BAD)
def test_mistakes_are_named(files: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(files)
    said = f"{caught.value.message}\n{caught.value.hint}"
    assert "models.m.source.url" in said
    assert expected in said
    assert "me:secret" not in said
    assert "=secret" not in said
    assert "hunter" not in said


QUERY = "https://example.org/model.gguf?download=true"
PUBLIC = 'source.url.query = "public"'


def test_a_query_that_is_public() -> None:
    source = parse(f'{{ "a" = "{QUERY}" }}', f'{PUBLIC}\nsource.url.sums = "{QUERY}"').source
    assert source.to_nix() == {"files": {"a": QUERY}, "query": "public"}
    assert source.to_spec() == {"files": {"a": [QUERY]}}
    assert source.to_lock() == {**source.to_nix(), "sums": [QUERY]}
    assert "?" not in source.label


def test_saying_so_moves_no_pin() -> None:
    before, after = (parse(f'{{ "a" = "{URL}" }}', more) for more in ("", PUBLIC))
    assert before.digest() == after.digest()


@pytest.mark.parametrize("name", addresses.SECRET_NAMES)
def test_a_known_secret_is_refused_even_then(name: str) -> None:
    encoded = f"https://example.org/a?x=1&{quote(name)}=hunter2"
    with pytest.raises(ManifestError, match="holds a signature or a token") as caught:
        parse(f'{{ "a" = "{encoded}" }}', PUBLIC)
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_another_word_than_public() -> None:
    with pytest.raises(ManifestError, match="query is 'yes'") as caught:
        parse(f'{{ "a" = "{QUERY}" }}', 'source.url.query = "yes"')
    assert caught.value.hint is not None
    assert '"public"' in caught.value.hint


def test_checksums_and_fallbacks_are_asked_the_same() -> None:
    with pytest.raises(ManifestError, match=r"source\.url\.sums has a query"):
        parse(f'{{ "a" = "{URL}" }}', f'source.url.sums = "{QUERY}"')
    more = f'fallbacks = [{{ url.files."a" = "{QUERY}" }}]'
    with pytest.raises(ManifestError, match="has a query") as caught:
        parse(f'{{ "a" = "{URL}" }}', more)
    assert str(caught.value.hint).endswith('add query = "public" to models.m.fallbacks[1].url')


@pytest.fixture
def before_the_rule(project: Project) -> Project:
    """A lock of a time when a query was nothing to be asked about."""
    source = Url({"a": UrlFile(OneOrMore([QUERY]))})
    model = replace(samples.plain(), name="m", source=PinnedSource(source))
    entry = parse(f'{{ "a" = "{QUERY}" }}', PUBLIC)
    model = replace(model, digest=entry.digest(), integration=entry.integration)
    project.lock_file.write_text(lock_file.dumps(Lock({"m": model})))
    return project


@pytest.mark.parametrize("command", ["lock", "render", "prefetch"])
def test_an_old_lock_with_a_query_says_what_to_write(
    before_the_rule: Project, command: str
) -> None:
    project = before_the_rule
    old = project.lock_file.read_bytes()
    files = f'{{ "a" = "{QUERY}" }}'
    project.write(manifest(files))
    error = project.fails(command)
    assert "source.url.files.a has a query" in error
    assert 'add query = "public" to models.m.source.url' in error
    assert project.lock_file.read_bytes() == old
    project.write(manifest(files, PUBLIC))
    assert 'query = "public";' in project.ok("lock", "-q")
    assert 'query = "public";' in project.ok("render")


def test_an_old_lock_with_a_secret_is_in_nobodys_way(before_the_rule: Project) -> None:
    """Not where the manifest is right."""
    project = before_the_rule
    text = project.lock_file.read_text().replace("download=true", "token=hunter2")
    project.lock_file.write_text(text)
    error = project.fails("render")
    assert "holds a signature or a token" in error
    assert "hunter2" not in error
    project.write("")
    project.ok("lock")
    assert "hunter2" not in project.lock_file.read_text()
