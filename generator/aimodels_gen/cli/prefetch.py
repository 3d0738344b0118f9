"""`aimodels-gen prefetch`."""

from __future__ import annotations

from pathlib import Path

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locking import manifest_option
from aimodels_gen.cli.prefetching import prefetch_models
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file


@click.command("prefetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@manifest_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the store paths from garbage collection, with links in DIR/NAME.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print progress and summary.")
def command(*, names: tuple[str, ...], manifest: Path, root: Path | None, quiet: bool) -> None:
    """Download what a lock pins into the Nix store: building then downloads nothing.

    Without NAME: every model. Uses your own token and proxy, where a build has only those of the
    Nix daemon. Takes files from models that are in the store already, and goes on with downloads
    that were interrupted. Prints the store paths that were added.
    """
    path = lock_file.path_for(manifest)
    lock = lock_file.existing(path, manifest)
    unknown = [name for name in names if name not in lock.models]
    if unknown:
        hint = f"it has {', '.join(sorted(lock.models)) or 'no models'}"
        raise AimodelsError(f"{path} has no model named {', '.join(unknown)}", hint)
    wanted = [lock.models[name] for name in names or sorted(lock.models)]
    result(prefetch_models(wanted, Console(quiet=quiet), tuple(lock.models.values()), root))
