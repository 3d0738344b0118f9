"""How commands print what they report: JSON for programs, aligned columns for people."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aimodels_gen import reports
from aimodels_gen.cli.console import plain, plain_cells, result
from aimodels_gen.columns import aligned
from aimodels_gen.lock.options import DEFAULT_JOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aimodels_gen.reports import BaseReport

F = TypeVar("F", bound="Callable[..., Any]")

_MOST_JOBS = 64


def json_option(function: F) -> F:
    """Add `--json`, as the parameter `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print JSON; `aimodels-gen schema` prints its schema.",
    )(function)


def quiet_option(function: F) -> F:
    """Add `-q`."""
    text = "Print only results and warnings."
    return click.option("-q", "--quiet", is_flag=True, help=text)(function)


def verbosity_options(verbose: str) -> Callable[[F], F]:
    """Add `-q`, and `-v` with this help."""

    def add(function: F) -> F:
        option = click.option("-v", "--verbose", is_flag=True, help=verbose)
        return quiet_option(option(function))

    return add


def jobs_option(more: str = "") -> Callable[[F], F]:
    """Add `-j`; `more` is what else its default depends on."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, _MOST_JOBS),
        metavar="N",
        help=f"Maximum number of concurrent requests.  [default: {DEFAULT_JOBS}{more}]",
    )


def print_json(report: BaseReport) -> None:
    """Write a report to stdout."""
    result(reports.dumps(report))


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout; what a server said can neither steer the terminal nor add lines."""
    result("".join(f"{plain(line)}\n" for line in lines))


def stdout_width() -> int | None:
    """Return the width of the terminal that stdout is, None if it is none."""
    return shutil.get_terminal_size().columns if is_terminal() else None


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
    """Write rows to stdout, aligned; in bold, and with lines that fit, on a terminal.

    Elsewhere a row is one line, whatever its length. Columns that are empty in all rows are left
    out. What a server said can neither steer the terminal nor add lines.

    Args:
        columns: Their titles.
        rows: As many cells each.
        footer: As one row, for totals; none for no totals.
    """
    result("".join(f"{line}\n" for line in table_lines(columns, rows, footer)))


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], footer: Sequence[str] = ()
) -> list[str]:
    """Return the lines of a table; see `print_table`."""
    cells = plain_cells([*rows, *([footer] if footer else [])])
    shown = [n for n in range(len(columns)) if any(row[n] for row in cells)]
    groups = aligned(
        [[row[n] for n in shown] for row in cells],
        right={at for at, n in enumerate(shown) if columns[n].right},
        titles=[columns[n].title for n in shown],
        width=stdout_width(),
    )
    has_titles = len(groups) > len(cells)
    last = len(groups) - 1
    return [
        bold(line)
        if (number == 0 if has_titles else line is lines[0]) or (footer and number == last)
        else line
        for number, lines in enumerate(groups)
        for line in lines
    ]


def bold(text: str) -> str:
    """Return a text in bold, for terminals that have it and readers that want it."""
    plainly = os.environ.get("NO_COLOR") or os.environ.get("TERM") in {None, "", "dumb"}
    if plainly or not is_terminal():
        return text
    from rich.style import Style  # noqa: PLC0415 - slow to import

    return Style(bold=True).render(text)


def is_terminal() -> bool:
    """Return whether a person reads stdout."""
    return sys.stdout is not None and sys.stdout.isatty()
