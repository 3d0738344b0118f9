"""`aimodels-gen prefetch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_fetcher.wording import counted
from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locking import manifest_option
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.prefetch import prefetch

if TYPE_CHECKING:
    from pathlib import Path


@click.command("prefetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@manifest_option
@click.option("-q", "--quiet", is_flag=True, help="Do not print the summary.")
def command(*, names: tuple[str, ...], manifest: Path, quiet: bool) -> None:
    """Download what a lock pins into the Nix store: building then downloads nothing.

    Without NAME: every model. Uses your own token and proxy, where a build has only those of the
    Nix daemon. Prints the store paths that were added.
    """
    path = lock_file.path_for(manifest)
    lock = lock_file.existing(path, manifest)
    unknown = [name for name in names if name not in lock.models]
    if unknown:
        hint = f"it has {', '.join(sorted(lock.models)) or 'no models'}"
        raise AimodelsError(f"{path} has no model named {', '.join(unknown)}", hint)
    console = Console(quiet=quiet)
    try:
        wanted = [lock.models[name] for name in names or sorted(lock.models)]
        added = prefetch(wanted, console.status, console.warn)
    finally:
        console.done()
    console.note(f"{counted(len(added), 'path')} added to the store")
    result("".join(f"{path}\n" for path in added))
