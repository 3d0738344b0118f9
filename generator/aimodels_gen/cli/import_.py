"""`aimodels-gen import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import Column, json_option, print_json, print_table, quiet_option
from aimodels_gen.engines.huggingface import hub_cache
from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.reports.import_ import Amount, Report

_COLUMNS = (
    Column("Model"),
    Column("In the store", right=True),
    Column("Taken", right=True),
    Column("To download", right=True),
)


@click.command("import")
@names_argument
@manifest_option
@click.option(
    "--from",
    "places",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR",
    help="Search this directory and all below it; may be repeated.  [default: the cache of "
    "huggingface_hub]",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Then replace the files found by links to the store, which keep the store paths from "
    "garbage collection.",
)
@json_option
@quiet_option
def command(  # noqa: PLR0913 (click passes each option)
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    places: tuple[Path, ...],
    replace: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Add model files that this machine has to the Nix store.

    Without NAME: every model. Searches for files of the sizes that the lock pins, and takes those
    with the right sha256, whatever their names: from a cache of Hugging Face, Ollama or LM Studio,
    any other directory, and other paths of the store. Downloads nothing.

    \b
      aimodels-gen import                      # from the cache of huggingface_hub
      aimodels-gen import --from ~/.lmstudio   # from another directory
      aimodels-gen import --replace            # and store the files only once
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    chosen = choose(manifest, names, console, lock=True)
    locked = read_locked(chosen, console)
    locked.warn_of_changes(console)
    found = [place.absolute() for place in places] or [_default()]

    from aimodels_gen.store.import_files import import_files  # noqa: PLC0415 - slow to import
    from aimodels_gen.store.import_report import import_report  # noqa: PLC0415

    known = tuple(locked.lock.models.values())
    with console.under_way():
        done = import_files(
            locked.models, found, console.progress, console.warn, known, replace=replace
        )
    report = import_report(locked.models, found, done)
    if as_json:
        print_json(report)
    else:
        _print(report)
    for kept in report.kept:
        console.warn(f"{kept.path} is left as it is: {kept.reason}")
    if report.replaced:
        size = sum(file.bytes for file in report.replaced)
        console.note(f"replaced {_amount(len(report.replaced), size)} by links to the store")
    trees = [one.name for one in locked.models if one.pin_kind == "tree"] if replace else []
    if trees:
        console.warn(
            f"the files of {', '.join(trees)} are not replaced: a tree is one store path; "
            'to replace them, set pin = "files", lock and import again'
        )
    if report.missing.files:
        console.note(f"to download the rest, run `{chosen.command('prefetch', chosen.names)}`")
    if done.error:
        raise done.error


def _default() -> Path:
    cache = hub_cache().absolute()
    if not cache.is_dir():
        raise AimodelsError(
            f"the cache of huggingface_hub, {cache}, is not a directory",
            "name the directories that have the files: --from DIR",
        )
    return cache


def _print(report: Report) -> None:
    def cells(name: str, amounts: Sequence[Amount]) -> list[str]:
        return [name, *(_amount(one.files, one.bytes) for one in amounts)]

    total = cells("total", [report.present, report.taken, report.missing])
    rows = [cells(one.name, [one.present, one.taken, one.missing]) for one in report.models]
    print_table(_COLUMNS, rows, total if len(rows) > 1 else ())


def _amount(files: int, size: int) -> str:
    from aimodels_fetcher.wording import bytes_text, counted  # noqa: PLC0415 - slow to import

    return f"{counted(files, 'file')}, {bytes_text(size)}" if files else "-"
