"""Parts of JSON documents, in bounded memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st

from aimodels_fetcher.json_parts import elements, members
from support.fuzzing import fuzz

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def both(body: bytes) -> list[object]:
    """Return what each of the readers makes of a document, or the name of its error."""

    def result(read: Callable[[], object]) -> object:
        try:
            return read()
        except (TypeError, ValueError, RecursionError) as error:
            return type(error)

    return [result(lambda: list(elements(body))), result(lambda: members(body, ["a"]))]


@fuzz(rows=st.lists(VALUES), indent=st.sampled_from([None, 1]), plain=st.booleans())
def test_arrays(rows: list[Any], indent: int | None, *, plain: bool) -> None:
    assert list(elements(json.dumps(rows, indent=indent, ensure_ascii=plain).encode())) == rows


@fuzz(document=st.dictionaries(st.text(), VALUES), indent=st.sampled_from([None, 1]))
def test_objects(document: dict[str, Any], indent: int | None) -> None:
    body = json.dumps(document, indent=indent).encode()
    for wanted in (document, list(document)[:1], ["absent"]):
        expected = {name: document[name] for name in wanted if name in document}
        assert members(body, wanted) == expected


@fuzz(body=st.binary() | st.text(st.sampled_from('[]{}",:\\ a1n')).map(str.encode))
def test_any_bytes(body: bytes) -> None:
    array, _ = both(body)
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        assert not isinstance(array, list)
    else:
        assert array == (document if isinstance(document, list) else TypeError)


@pytest.mark.parametrize(
    "body", ["[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "[]x", "[1] ]", "", "<html>", "\xff["]
)
def test_what_is_no_array(body: str) -> None:
    found, _ = both(body.encode("latin-1"))
    assert isinstance(found, type)
    assert issubclass(found, ValueError)


def test_pieces_of_a_long_document() -> None:
    rows = [{"path": "\N{SMILING FACE WITH SUNGLASSES}" * (n % 700), "n": n} for n in range(3000)]
    assert list(elements(b" \n" + json.dumps(rows).encode() + b" " * 300_000)) == rows
    with pytest.raises(ValueError, match="after the array"):
        list(elements(json.dumps(rows).encode() + b" " * 300_000 + b"x"))


def test_large_members_are_left_out() -> None:
    body = json.dumps({"a": ["x" * 300_000], "b": 1, "c": {"b": 2}}).encode()
    assert members(body, ["a", "b"]) == {"b": 1}


def test_text_that_no_encoding_has() -> None:
    """Half of a character, as JavaScript leaves it where it cuts text."""
    assert members(b'{"a": "\\ud83d", "b": ["\\ud83d"]}', ["a"]) == {"a": "\ud83d"}


def test_the_longest_path() -> None:
    rows = [{"type": "file", "path": "\x01" * 4096, "oid": "0" * 40, "size": 1}] * 100
    assert list(elements(json.dumps(rows).encode())) == rows
