"""Figures, and the tables that show them."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

LEGEND = "\n~ the slowest run took more than 1.5 times the fastest: something else was at work\n"
_NOISY = 1.5
_DIGITS = 3
_KIB = 1024


def seconds(value: float) -> str:
    """Format a duration."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:,.1f} s"


def size(value: float) -> str:
    """Format a number of bytes."""
    for unit in ("B", "KiB", "MiB"):
        if value < _KIB:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIB
    return f"{value:.2f} GiB"


@dataclass(frozen=True)
class Figure:
    """The values of one quantity in all runs; the median represents them."""

    values: Sequence[float]
    text: Callable[[float], str]

    @property
    def median(self) -> float:
        """The value to compare."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        noisy = max(self.values) > _NOISY * min(self.values)
        return f"{self.text(self.median)}{'~' if noisy else ' '}"


class Row(NamedTuple):
    """A line of the table, as text."""

    what: str
    ours: str
    peer: str = ""
    beside: str = ""
    ratio: str = ""
    target: str = ""
    verdict: str = ""


HEADER = Row("", "ours ", "peer ", "the peer", "ours/peer", "target", "")
RIGHT = {1, 2, 4}  # the figures


def row(  # noqa: PLR0913 (each has a column)
    what: str,
    ours: Figure,
    peer: Figure | None = None,
    beside: str = "",
    *,
    under: float | None = None,
    ratio_under: float | None = None,
) -> Row:
    """Return the row of a figure and of a peer's, with a target for the figure or the ratio."""
    line = Row(what, str(ours))
    if under is not None:
        line = _judged(line, f"< {ours.text(under)}", met=ours.median < under)
    if peer is not None:
        found = ours.median / peer.median
        line = line._replace(peer=str(peer), beside=beside, ratio=ratio(found))
        if ratio_under is not None:
            line = _judged(line, f"ratio < {ratio(ratio_under)}", met=found < ratio_under)
    return line


def absent(what: str, found: Collection[str]) -> Row:
    """Return the row of things that should not be found."""
    line = Row(what, f"{', '.join(sorted(found)) or 'none'} ")
    return _judged(line, "none", met=not found)


def _judged(line: Row, target: str, *, met: bool) -> Row:
    return line._replace(target=target, verdict="met" if met else "MISSED")


def ratio(value: float) -> str:
    """Format a ratio; one below 1 becomes a fraction."""
    if not value:
        return "0"
    return _short(value) if value >= 1 else f"1/{_short(1 / value)}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 ** (_DIGITS - 1) else f"{value:.{_DIGITS}g}"


def heading(title: str) -> str:
    """Return the line above a table, with the load of the machine."""
    load = os.getloadavg()[0]
    return f"\n== {title} (load {load:.1f} on {os.cpu_count()} CPUs)\n"


def table(rows: Sequence[Row]) -> str:
    """Lay out rows under their header."""
    return columns([HEADER, *rows], RIGHT)


def columns(lines: Sequence[Sequence[str]], right: Collection[int]) -> str:
    """Lay out cells for a terminal, with the columns of these numbers flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in lines
    )


def markdown(lines: Sequence[Sequence[str]], right: Collection[int]) -> str:
    """Lay out the same cells for a document; the first line is the header."""
    ruler = ["---:" if number in right else "---" for number in range(len(lines[0]))]
    return "".join(
        f"| {' | '.join(map(str.strip, line))} |\n" for line in [lines[0], ruler, *lines[1:]]
    )
