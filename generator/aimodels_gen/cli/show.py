"""`aimodels-gen show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.cli.console import Console, plain, result
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import (
    Column,
    bold,
    json_option,
    print_json,
    table_lines,
    verbosity_options,
)
from aimodels_gen.cli.stored import inventory_of
from aimodels_gen.reports.show import Report
from aimodels_gen.store import listing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_gen.reports.list import State
    from aimodels_gen.reports.show import File, Model

_COLUMNS = (
    Column("path"),
    Column("size", right=True),
    Column("sha256"),
    Column("bundled"),
    Column("stored"),
    Column("store path"),
)
_STATES: dict[State, str] = {
    "locked": "",
    "edited": "the pin was edited by hand",
    "changed": "its entry in the manifest has changed since it was locked",
    "unlocked": "not locked yet",
    "removed": "the manifest no longer has it",
}


@click.command("show")
@names_argument
@manifest_option
@verbosity_options("Name the store path of each file.")
@json_option
def command(
    *, names: tuple[str, ...], manifest: Path | None, quiet: bool, verbose: bool, as_json: bool
) -> None:
    """Show everything about models, and their files.

    Without NAME: every model. Reads models.lock, and sends no requests.

    \b
      aimodels-gen show llama-2-7b
      aimodels-gen show llama-2-7b --json | jq -r '.models[].files[].storePath'
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    locked = read_locked(choose(manifest, names, console, lock=True), console)
    inventory = inventory_of(locked.models, console, copies=True)
    models = [
        listing.details(model, locked.state(model.name), inventory) for model in locked.models
    ]
    if as_json:
        print_json(Report(lock=str(locked.path), models=tuple(models)))
        return
    blocks = ("\n".join(_block(model, verbose=verbose)) for model in models)
    result("\n\n".join(blocks) + "\n" if models else "")


def _block(model: Model, *, verbose: bool) -> Iterator[str]:
    yield bold(plain(model.name))
    facts = [(term, value) for term, value in _facts(model) if value]
    width = max(len(term) for term, _ in facts)
    for term, value in facts:
        yield f"  {term.ljust(width)}  {plain(value)}"
    if model.files:
        yield ""
        total = [counted(len(model.files), "file"), bytes_text(model.size or 0), *[""] * 4]
        rows = [_row(file, verbose=verbose) for file in model.files]
        yield from table_lines(_COLUMNS, rows, total if len(rows) > 1 else ())


def _facts(model: Model) -> Iterator[tuple[str, str]]:
    yield "source", f"{model.kind} {model.source}"
    yield "ref", model.ref or ""
    yield "commit", model.rev or ""
    yield "date", model.modified or ""
    yield "page", model.page or ""
    yield "licence", model.license or ""
    yield "gated", model.gated or ""
    yield "base model", ", ".join(model.base_models or ())
    yield "task", model.pipeline_tag or ""
    yield "library", model.library or ""
    yield "architecture", model.architecture or ""
    yield "context", f"{model.context_length:,} tokens" if model.context_length else ""
    yield "quantisation", ", ".join(model.quants)
    yield "include", ", ".join(model.include or ())
    yield "exclude", ", ".join(model.exclude)
    yield "fallbacks", ", ".join(model.fallbacks)
    yield "state", _STATES[model.state]
    yield "pin", model.pin
    yield "hash", model.tree.hash if model.tree else ""
    yield "layout", model.layout if model.pin == "files" else ""
    yield "cache entry", model.cache_name or ""
    yield "in Ollama", model.ollama or ""
    yield "directories", ", ".join(model.views)
    yield "files", f"{model.file_count}, {bytes_text(model.size or 0)}"
    yield "stored", model.stored or ""
    paths = {file.store_path for file in model.files if file.bundled}
    yield "bundle", "".join(paths)
    yield "store path", model.tree.store_path if model.tree else ""
    yield "copied to", ", ".join(model.entries)


def _row(file: File, *, verbose: bool) -> list[str]:
    return [
        file.path,
        bytes_text(file.size),
        file.sha256,
        "yes" if file.bundled else "",
        {None: "", True: "yes", False: "no"}[file.stored],
        file.store_path if verbose else "",
    ]
