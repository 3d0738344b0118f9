"""How commands print what they report: JSON for programs, aligned columns for people."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aimodels_gen import reports
from aimodels_gen.cli.console import plain, result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimodels_gen.reports import BaseReport

F = TypeVar("F", bound="Callable[..., Any]")

_GAP = "  "


def json_option(function: F) -> F:
    """Add `--json`, as the parameter `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print JSON; `aimodels-gen schema` has its schema.",
    )(function)


def print_json(report: BaseReport) -> None:
    """Write a report to stdout."""
    result(reports.dumps(report))


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        right: whether it is aligned on the right, as numbers are.
    """

    title: str
    right: bool = False


def print_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], footer: Sequence[str] = ()
) -> None:
    """Write rows to stdout, aligned; in colour, and with lines that fit, on a terminal.

    Elsewhere a row is one line, whatever its length. Columns that are empty in all rows are left
    out. What a server said can neither steer the terminal nor add lines.

    Args:
        columns: Their titles.
        rows: As many cells each.
        footer: As one row, for totals; none for no totals.
    """
    cells = [[plain(cell) for cell in row] for row in (*rows, *([footer] if footer else []))]
    shown = [n for n in range(len(columns)) if any(row[n] for row in cells)]
    columns = [columns[n] for n in shown]
    cells = [[row[n] for n in shown] for row in cells]
    if _is_terminal():
        _print_rich(columns, cells, has_footer=bool(footer))
        return
    table = [[column.title for column in columns], *cells]
    widths = [max(len(row[n]) for row in table) for n in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        )
        return _GAP.join(aligned).rstrip()

    result("".join(f"{line(row)}\n" for row in table))


def _print_rich(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], *, has_footer: bool
) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, len(_GAP), 0, 0))
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left")
    for number, row in enumerate(cells):
        is_footer = has_footer and number == len(cells) - 1
        table.add_row(*map(Text, row), style="bold" if is_footer else "")
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(table)
    result(captured.get())


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
