"""What comes in the place of a file."""

from __future__ import annotations

import pytest

from aimodels_gen.net.contents import is_text, mistaken

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
OLD_POINTER = POINTER.replace(b"git-lfs.github", b"hawser.github")
PAGE = b"<!DOCTYPE html>\n<html lang=en><title>Log in"
SAFETENSORS = b"\x40\x00\x00\x00\x00\x00\x00\x00" + b'{"__metadata__":{}}' + bytes(40)
RAW = b"{\x00\x12\xff" + bytes(range(256))

A_POINTER, A_PAGE, JSON, XML = "a Git LFS pointer", "a web page", "JSON", "XML"


@pytest.mark.parametrize(
    ("path", "beginning", "expected"),
    [
        ("model.safetensors", POINTER, A_POINTER),
        ("a/tokenizer.json", POINTER, A_POINTER),
        ("weights", OLD_POINTER, A_POINTER),
        ("about-lfs.md", POINTER, None),
        ("model.safetensors", b"\xef\xbb\xbf" + PAGE, A_PAGE),
        ("config.json", b"\r\n  <!-- a comment -->\n<HTML>", A_PAGE),
        ("config.json", b'<?xml version="1.0"?>\n<!doctype HTML PUBLIC', A_PAGE),
        ("vocab.txt", PAGE, A_PAGE),
        ("x", b"<head><meta>", A_PAGE),
        ("page.html", PAGE, None),
        ("README.md", PAGE, None),
        ("chat_template.jinja", b"<html>{{ x }}", A_PAGE),
        ("vocab.txt", b"<headline>\n<html_tag>", None),
        ("model.gguf", b'{"error": "not found"}', JSON),
        ("model.GGUF", b' [{"code": 404}]', JSON),
        ("model.bin", b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", XML),
        ("model.pt", b"<Error><Code>AccessDenied", XML),
        ("config.json", b'{"error": "not found"}', None),
        ("model.safetensors", SAFETENSORS, None),
        ("model.bin", RAW, None),
        ("model.bin", b"<\x01\x02", None),
        ("model.gguf", b"GGUF\x03\x00\x00\x00", None),
        ("model.gguf", b"some text", None),
        ("any.txt", b"", None),
    ],
)
def test_what_a_beginning_shows(path: str, beginning: bytes, expected: str | None) -> None:
    found = mistaken(path, beginning)
    assert found is None if expected is None else (found or "").startswith(expected)


@pytest.mark.parametrize(("path", "expected"), [("x.gguf", "an empty file"), ("__init__.py", None)])
def test_an_empty_file(path: str, expected: str | None) -> None:
    assert mistaken(path, b"") == expected


def test_what_begins_like_a_pointer_and_is_larger() -> None:
    assert mistaken("notes", (POINTER + bytes(2000))[:1024]) is None


def test_an_address_that_is_of_a_page() -> None:
    assert mistaken("x", PAGE, "https://example.org/a.html?b=c") is None
    assert mistaken("x", PAGE, "https://example.org/a?b=c.html") == A_PAGE


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", True),
        ("übel\r\n\t".encode(), True),
        ("ü".encode() * 99 + "ü".encode()[:1], True),
        (b"a\xff" + b"b" * 9, False),
        (b"a\x00b", False),
    ],
)
def test_text(content: bytes, *, expected: bool) -> None:
    assert is_text(content) == expected
