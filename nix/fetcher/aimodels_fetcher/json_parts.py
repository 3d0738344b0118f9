"""JSON from servers, of which only parts are wanted: read in bounded memory, whatever it holds."""

from __future__ import annotations

import codecs
import io
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_PIECE = 1 << 18  # characters that are decoded at a time
_LONGEST_ELEMENT = 1 << 16  # characters; the longest path takes 24,000 if all are escaped
_LARGEST_MEMBER = 1 << 18  # bytes; the smallest values take 20 times as much memory as text
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},:]', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


def elements(body: bytes) -> Iterator[Any]:
    """Parse the elements of an array, one after the other.

    Raises:
        TypeError: It is JSON of another type.
        ValueError, RecursionError: It is not JSON, or an element has more than 65,536 characters.
    """
    stream = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline="")
    text = stream.read(_PIECE)
    at = _skip_space(text, 0)
    _check_type(text[at : at + 1], "[")
    at = _skip_space(text, at + 1)
    separator = ","
    if text[at : at + 1] == "]":
        separator, at = "]", at + 1
    while separator == ",":
        if len(text) - at < _LONGEST_ELEMENT and (more := stream.read(_PIECE)):
            text, at = text[at:] + more, 0
        element, at = _decode(text, _skip_space(text, at))
        yield element
        at = _skip_space(text, at)
        separator, at = text[at : at + 1], at + 1
    if separator != "]":
        raise ValueError("an array without an end")
    while text:
        if text[at:].strip(" \t\n\r"):
            raise ValueError("something after the array")
        text, at = stream.read(_PIECE), 0


def members(body: bytes, names: Collection[str]) -> dict[str, Any]:
    """Parse the members of an object that have these names.

    Values of more than 256 KiB are left out. What is not wanted is not validated.

    Raises:
        TypeError: It is JSON of another type.
        ValueError, RecursionError: It is not JSON.
    """
    _check_type(body[:256].removeprefix(codecs.BOM_UTF8).lstrip()[:1].decode("latin-1"), "{")
    found: dict[str, Any] = {}
    depth = start = 0
    name = ""
    for token in _TOKEN.finditer(body):
        kind = token[0][:1]
        depth += (kind in b"[{") - (kind in b"]}")
        if depth == 1 and kind == b":":
            start = token.end()
        elif depth == 1 and kind == b'"' and not start:
            name = json.loads(token[0])
        elif start and ((depth == 1 and kind == b",") or not depth):
            if name in names and token.start() - start <= _LARGEST_MEMBER:
                found[name] = json.loads(body[start : token.start()])
            start = 0
        if not depth:
            return found
    raise ValueError("an object without an end")


def _check_type(character: str, wanted: str) -> None:
    """Check the first character of a document."""
    if character != wanted:
        kind = TypeError if character and character in '[{"tfn-0123456789' else ValueError
        raise kind(f"a document that does not begin with {wanted}")


def _skip_space(text: str, at: int) -> int:
    """Return the position of the next character that is not white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
