"""`aimodels-gen du`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import (
    Column,
    json_option,
    print_json,
    print_table,
    verbosity_options,
)
from aimodels_gen.cli.stored import inventory_of
from aimodels_gen.errors import StoreError
from aimodels_gen.store import usage

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.reports.du import Usage

_COLUMNS = (
    Column("name"),
    Column("size", right=True),
    Column("shared", right=True),
    Column("stored", right=True),
    Column("duplicate", right=True),
    Column("freeable", right=True),
)


@click.command("du")
@names_argument
@manifest_option
@verbosity_options("Print bytes as whole numbers.")
@json_option
def command(
    *, names: tuple[str, ...], manifest: Path | None, quiet: bool, verbose: bool, as_json: bool
) -> None:
    """Show disk usage of models, and what garbage collection frees.

    \b
      size       of the files that are pinned
      shared     of these, in store paths that other models have, too
      stored     on disk, in the Nix store
      duplicate  of these, content that the store has several times, in copies
      freeable   of these, what `nix-collect-garbage` would remove now

    The total counts once what models share.

    \b
      aimodels-gen du
      aimodels-gen du llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    locked = read_locked(choose(manifest, names, console, lock=True), console)
    found = inventory_of(locked.models, console, copies=True)
    every = tuple(locked.lock.models.values())
    try:
        report = usage.report(str(locked.path), locked.models, every, found)
    except StoreError as error:
        console.warn(f"{error.message}; it is not known what the store has")
        report = usage.report(str(locked.path), locked.models, every, None)
    if as_json:
        print_json(report)
        return
    if not report.models:
        console.note("no models")
        return

    def row(name: str, one: Usage) -> list[str]:
        numbers = (one.size, one.shared, one.stored, one.duplicate, one.freeable)
        text = str if verbose else bytes_text
        return [name, *("" if number is None else text(number) for number in numbers)]

    total = row(counted(len(report.models), "model"), report.total)
    rows = [row(model.name, model) for model in report.models]
    print_table(_COLUMNS, rows, total if len(rows) > 1 else ())
