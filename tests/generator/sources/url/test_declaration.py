"""Addresses in a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse as parse_manifest
from generator.sources.buckets import INTEGRATION

if TYPE_CHECKING:
    from aimodels_gen.manifest.model import Entry

URL = "https://example.org/model.gguf"


def parse(files: str, more: str = "") -> Entry:
    (entry,) = parse_manifest(
        f"[models.m]\nsource.url.files = {files}\n{more}\n{INTEGRATION}"
    ).entries
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
    ('{ "a" = "example.org/a" }', "is no http(s) address of a file"),
    ('{ "a" = "ftp://example.org/a" }', "is no http(s) address of a file"),
    ('{ "a" = "https://me:secret@example.org/a" }', "without user and password"),
    ('{ "a" = "https://example.org/" }', "is no http(s) address of a file"),
    ('{ "a" = "https://b.s3.amazonaws.com/a?X-Amz-Signature=secret" }', "holds a signature"),
    ('{ "a" = "https://example.org/a?download=1&token=secret" }', "holds a signature"),
    ('{ "a" = ["https://example.org/a", "https://x.org/a?sig=secret"] }', "holds a signature"),
]


@pytest.mark.parametrize(("files", "expected"), BAD)
def test_mistakes_are_named(files: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(files)
    said = f"{caught.value.message}\n{caught.value.hint}"
    assert "models.m.source.url" in said
    assert expected in said
    assert "secret" not in said
