"""`aimodels-gen list`."""

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
from aimodels_gen.reports.list import Report
from aimodels_gen.store import listing

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.cli.locked import Locked
    from aimodels_gen.reports.list import Model, State

_COLUMNS = (
    Column("name"),
    Column("source"),
    Column("ref"),
    Column("commit"),
    Column("date"),
    Column("files", right=True),
    Column("size", right=True),
    Column("licence"),
    Column("gated"),
    Column("base model"),
    Column("quant"),
    Column("stored"),
    Column("state"),
)
_STATES: dict[State, str] = {
    "locked": "",
    "edited": "edited by hand",
    "changed": "changed",
    "unlocked": "not locked",
    "removed": "not in the manifest",
}
_SHORT = 7  # digits of a commit
_DAY = len("2026-11-02")


@click.command("list")
@names_argument
@manifest_option
@verbosity_options("Print whole commits, and times as well as dates.")
@json_option
def command(
    *, names: tuple[str, ...], manifest: Path | None, quiet: bool, verbose: bool, as_json: bool
) -> None:
    """List what is pinned, and whether the Nix store has it.

    Reads models.lock and models.toml, and sends no requests. Marks models that are not locked yet,
    and models whose entry in models.toml has changed since they were locked.

    \b
      aimodels-gen list
      aimodels-gen list whisper llama-2-7b
      aimodels-gen list --json | jq -r '.models[] | select(.stored != "yes").name'
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, names, console, lock=True)
    report = _report(read_locked(chosen, console, waiting=True), console)
    if as_json:
        print_json(report)
        return
    if not report.models:
        console.note("no models")
        return
    total = [
        counted(len(report.models), "model"),
        *("" for _ in range(4)),
        str(report.file_count),
        bytes_text(report.size),
        *("" for _ in range(6)),
    ]
    rows = [_row(model, verbose=verbose) for model in report.models]
    print_table(_COLUMNS, rows, total if len(rows) > 1 else ())


def _report(locked: Locked, console: Console) -> Report:
    pinned = locked.models
    inventory = inventory_of(pinned, console)
    models = [
        listing.summary(locked.lock.models[name], locked.state(name), inventory)
        if name in locked.lock.models
        else listing.unlocked((locked.entries or {})[name])
        for name in locked.names
    ]
    return Report(
        lock=str(locked.path),
        models=tuple(models),
        file_count=sum(model.file_count or 0 for model in models),
        size=sum(model.size or 0 for model in models),
    )


def _row(model: Model, *, verbose: bool) -> list[str]:
    return [
        model.name,
        model.source,
        model.ref or "",
        (model.rev or "")[: None if verbose else _SHORT],
        (model.modified or "")[: None if verbose else _DAY],
        "" if model.file_count is None else str(model.file_count),
        "" if model.size is None else bytes_text(model.size),
        model.license or "",
        model.gated or "",
        ", ".join(model.base_models or ()),
        ", ".join(model.quants),
        model.stored or "",
        _STATES[model.state],
    ]
