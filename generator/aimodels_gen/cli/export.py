"""`aimodels-gen export`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.prefetching import prefetch_models
from aimodels_gen.cli.reports import json_option, print_json, quiet_option
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import load_outputs

if TYPE_CHECKING:
    from aimodels_gen.cli.locked import Locked
    from aimodels_gen.reports.export import Report
    from aimodels_gen.store.export import Export


@click.command("export")
@names_argument
@manifest_option
@click.option(
    "--to",
    "directory",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The directory to write to, such as the one where a disk is mounted.",
)
@click.option(
    "--prune", is_flag=True, help="Remove store paths from DIR that the lock does not pin any more."
)
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would be written.")
@json_option
@quiet_option
def command(  # noqa: PLR0913 (click passes each option)
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    directory: Path,
    prune: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write models to a disk, for machines without network.

    Without NAME: every model. Writes the files as they are, their checksums, and a script that adds
    them to the Nix store of the other machine: `sh DIR/import.sh`. Downloads what the store lacks.
    Run it again after an update, or after an interruption: it writes only what the disk lacks. Any
    file system will do; FAT32 cannot hold files over 4 GiB.

    \b
      aimodels-gen export --to /media/disk/models
      aimodels-gen export --to /media/disk/models --prune   # and remove old models
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    chosen = choose(manifest, names, console, lock=True)
    locked = read_locked(chosen, console)
    locked.warn_of_changes(console, "writes")
    project = _project(locked)
    directory = directory.absolute()

    from aimodels_gen.store import export as exporting  # noqa: PLC0415 - slow to import
    from aimodels_gen.store.stick_files import check_ours, write_lists  # noqa: PLC0415

    every = tuple(locked.lock.models.values())
    check_ours(directory, project)

    def planned() -> Export:
        found = exporting.plan(directory, locked.models, every if prune else None)
        exporting.check_room(found)
        return found

    export = planned()
    if dry_run:
        _finish(export.report(dry_run=True), console, as_json=as_json)
        return
    with exporting.alone(directory):
        export = planned()  # another run may have written meanwhile
        if export.absent:
            done = prefetch_models(locked.models, console, every, elsewhere=export.present)
            export.errors += done.error.failures if done.error else ()
        with console.under_way():
            exporting.prune(export)
            exporting.write(export, console.progress)
            write_lists(directory, every, project)
    _finish(export.report(dry_run=False), console, as_json=as_json)
    export.check()


def _project(locked: Locked) -> dict[str, bytes]:
    """Return the files of a project that another machine needs, by their names on the disk."""
    manifest = locked.chosen.manifest
    files = [locked.path]
    try:
        if manifest.exists():
            files.append(manifest)
            files += [manifest.parent / one.file for one in load_outputs(manifest)]
    except ManifestError:  # of which `read_locked` has warned
        pass
    project: dict[str, bytes] = {}
    for file in files:
        name = os.path.relpath(file, manifest.parent)
        if name.startswith(".."):
            name = file.name
        if file.is_file():
            project.setdefault(name, file.read_bytes())
    return project


def _finish(report: Report, console: Console, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    from aimodels_fetcher.wording import bytes_text, counted  # noqa: PLC0415 - slow to import

    counts = [
        (report.written, "to write" if report.dry_run else "written"),
        (report.present, "there already"),
        (report.missing, "missing"),
        (report.pruned, "to remove" if report.dry_run else "removed"),
    ]
    for total, what in counts:
        if total.paths:
            console.note(f"{counted(total.paths, 'path')} {what}, {bytes_text(total.bytes)}")
    if not report.dry_run and not report.missing.paths:
        script = shlex.quote(f"{report.directory}/import.sh")
        console.note(f"on the other machine, run: sh {script}")
