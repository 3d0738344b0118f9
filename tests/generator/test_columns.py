"""Rows in columns, for every width."""

from __future__ import annotations

import pytest

from aimodels_gen.columns import aligned, width_of

TITLES = ("Name", "Size", "Store path")
ROWS = [("模型", "1.0 KiB", "/nix/store/a"), ("b", "9 B", "")]


def lines(**options: int | None) -> list[str]:
    found = aligned(ROWS, right={1}, titles=TITLES, **options)
    return [line for some in found for line in some]


def test_wide_and_narrow() -> None:
    whole = ["NAME     SIZE  STORE PATH", "模型  1.0 KiB  /nix/store/a", "b         9 B"]
    assert lines() == lines(width=27) == whole
    numbers = ["NAME     SIZE", "模型  1.0 KiB", "    store path /nix/store/a", "b         9 B"]
    assert lines(width=26) == lines(width=13) == numbers
    bare = ["模型", "    size 1.0 KiB", "    store path /nix/store/a", "b", "    size 9 B"]
    assert lines(width=12) == bare


def test_without_titles() -> None:
    assert aligned([("a", "b"), ("long", "c")]) == [["a     b"], ["long  c"]]
    assert aligned([("a", "b c")], width=5) == [["a", "    b c"]]
    assert aligned([("a", "b"), ("long", "c")], widest=2) == [["a  b"], ["long  c"]]
    assert aligned([]) == []
    assert aligned([], titles=TITLES) == [["NAME  SIZE  STORE PATH"]]


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("模型", 4), ("e\u0301", 1), ("a\u200db", 2)]
)
def test_widths(text: str, width: int) -> None:
    assert width_of(text) == width
