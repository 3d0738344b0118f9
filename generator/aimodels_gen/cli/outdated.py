"""`aimodels-gen outdated`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import (
    jobs_option,
    json_option,
    print_json,
    print_lines,
    stdout_width,
    verbosity_options,
)
from aimodels_gen.cli.statuses import TO_DO
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.failures import named
from aimodels_gen.lock.options import Options
from aimodels_gen.lock.outdated import outdated
from aimodels_gen.lock.summary import change_lines
from aimodels_gen.manifest.names import check_names
from aimodels_gen.manifest.parse import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_gen.cli.manifests import Chosen
    from aimodels_gen.reports.outdated import Report


@click.command("outdated")
@names_argument
@manifest_option
@click.option("--exit-code", is_flag=True, help="Exit with 3 if a model is outdated.")
@json_option
@jobs_option()
@verbosity_options("Name all files that would change.")
def command(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    exit_code: bool,
    as_json: bool,
    jobs: int | None,
    quiet: bool,
    verbose: bool,
) -> int:
    """Show which models have moved upstream since they were locked.

    For each model that `update` would change, prints the commits with their dates, the files, how
    much would be downloaded, changes of licence and access, and a page that compares the commits.
    Sends one request for each model that has not moved. Writes nothing.

    \b
      aimodels-gen outdated              # all models
      aimodels-gen outdated llama-2-7b
      aimodels-gen outdated --exit-code  # for scripts
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, names, console)
    wanted = load(chosen.manifest)
    check_names(chosen.names, [entry.name for entry in wanted.entries], wanted.file)
    lock = lock_file.existing(lock_file.path_for(chosen.manifest), chosen.manifest)
    options = Options(only=frozenset(chosen.names) or None, jobs=jobs)
    with console.under_way():
        report, error = outdated(wanted, lock, options, console.progress, console.warn)
    if as_json:
        print_json(report)
    else:
        print_lines(_lines(report, chosen, verbose=verbose))
    if error:
        raise error
    return TO_DO if exit_code and report.having("outdated") else 0


def _lines(report: Report, chosen: Chosen, *, verbose: bool) -> Iterator[str]:
    """Yield what is outdated, then what is not known, then what is neither."""
    moved = report.having("outdated", "unknown")
    notes = {model.name: model.notes for model in moved}
    changes = [model.change for model in moved if model.change]
    yield from change_lines(
        changes, width=stdout_width(), details=True, files=True, verbose=verbose, notes=notes
    )
    for model in report.having("unknown"):
        yield f"? {model.name}: only `{chosen.command('update')}` can tell, by reading files"
    for model in report.having("failed"):
        yield f"! {model.name}: the pin stays: {'; '.join(model.notes)}"
    lock = chosen.command("lock")
    for status, words in (
        ("unlocked", f"not locked yet: run `{lock}`"),
        ("changed", f"edited since it was locked: run `{lock}`"),
        ("pinned", "pinned to an exact revision in the manifest"),
    ):
        if models := report.having(status):  # type: ignore[arg-type]
            yield f"* {named([model.name for model in models])}: {words}"
    current = report.having("current")
    for model in current:
        yield from (f"= {model.name}: {note}" for note in model.notes)
    if current:
        yield f"= {len(current)} up to date"
