"""`aimodels-gen prefetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimodels_fetcher.wording import counted
from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locking import manifest_option
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from aimodels_gen.lock.model import LockedModel


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
    result(prefetch_models(wanted, Console(quiet=quiet), lock.models, root))


def prefetch_models(
    models: Sequence[LockedModel],
    console: Console,
    names: Collection[str] = (),
    root: Path | None = None,
) -> str:
    """Prefetch models, with a summary; return the store paths that were added, one a line.

    Args:
        models: What to prefetch.
        console: Where to report.
        names: Of other models whose entries may have the same files.
        root: The directory of links that keep the store paths.
    """
    from aimodels_gen.lock.prefetch import prefetch  # noqa: PLC0415 - slow to import
    from aimodels_gen.nix import store, store_path  # noqa: PLC0415

    try:
        done = prefetch(models, console.status, console.warn, console.progress, names)
        if root is not None:
            for name, paths in done.paths.items():
                store.add_roots(root / store_path.sanitize(name), paths)
    finally:
        console.done()
    for line in done.summary():
        console.note(line)
    console.note(f"{counted(len(done.added), 'path')} added to the store")
    return "".join(f"{path}\n" for path in done.added)
