"""Rows of text in columns, for terminals of any width and for files.

Tables of rich are not used: where a terminal is narrow, they break cells or cut them. Here, a name
keeps its numbers on one line, and the other cells follow below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import category, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_GAP = "  "
_INDENT = "    "
_NO_WIDTH = {"Mn", "Me", "Cf"}  # accents, joiners


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(char: str) -> int:
    if category(char) in _NO_WIDTH:
        return 0
    return 2 if east_asian_width(char) in {"F", "W"} else 1


def aligned(
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    titles: Sequence[str] = (),
    width: int | None = None,
    widest: int | None = None,
) -> list[list[str]]:
    """Return the lines of each row; of the titles before them, if there are any.

    A row is one line. Where one does not fit, all rows are several: the first cell, with the
    numbers if they fit, and below it the other cells, indented, each with its title. No cell is cut
    or broken.

    Args:
        rows: Cells; rows may lack the last ones.
        right: The columns that are aligned on the right: numbers.
        titles: What the columns are called.
        width: Of the terminal; None if there is none.
        widest: The width of cells that do not push the columns of other rows, if they are wider.
    """
    columns = max(map(len, [titles, *rows]))
    numbers = [number for number in range(1, columns) if number in right] if titles else []
    for heads in (list(range(columns)), [0, *numbers], [0]):
        heading = [[titles[number].upper() for number in heads]] if titles and heads != [0] else []
        shown = [*heading, *([row[n] for n in heads if n < len(row)] for row in rows)]
        lines = _lines(shown, {at for at, number in enumerate(heads) if number in right}, widest)
        if heads == [0] or width is None or max(map(width_of, lines), default=0) <= width:
            break
    rest = [number for number in range(columns) if number not in heads]
    below: list[list[str]] = [
        *([] for _ in heading),
        *(list(_packed(_labelled(row, titles, rest), width or 0)) for row in rows),
    ]
    return [[line, *more] for line, more in zip(lines, below, strict=True)]


def _lines(rows: Sequence[Sequence[str]], right: Collection[int], widest: int | None) -> list[str]:
    widths: list[int] = []
    for row in rows:
        for number, cell in enumerate(row):
            size = width_of(cell)
            if number == len(widths):
                widths.append(0)
            if widest is None or size <= widest:
                widths[number] = max(widths[number], size)

    def padded(number: int, cell: str) -> str:
        space = " " * (widths[number] - width_of(cell))
        return space + cell if number in right else cell + space

    return [_GAP.join(padded(*one) for one in enumerate(row)).rstrip() for row in rows]


def _labelled(row: Sequence[str], titles: Sequence[str], numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        if number < len(row) and row[number]:
            yield f"{titles[number].lower()} {row[number]}" if titles else row[number]


def _packed(cells: Iterable[str], width: int) -> Iterator[str]:
    """Yield indented lines with as many cells as fit."""
    line = ""
    for cell in cells:
        longer = f"{line}{_GAP}{cell}" if line else f"{_INDENT}{cell}"
        if line and width_of(longer) > width:
            yield line
            longer = f"{_INDENT}{cell}"
        line = longer
    if line:
        yield line
