"""`aimodels-gen prefetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.manifests import Chosen, choose, manifest_option, names_argument
from aimodels_gen.cli.prefetching import prefetch_models
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.options import Options
from aimodels_gen.manifest.names import check_names, natural
from aimodels_gen.manifest.parse import load

if TYPE_CHECKING:
    from aimodels_gen.lock.model import Lock
    from aimodels_gen.manifest.model import Entry


@click.command("prefetch")
@names_argument
@manifest_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the store paths from garbage collection, with links in DIR/NAME.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print progress and summary.")
def command(
    *, names: tuple[str, ...], manifest: Path | None, root: Path | None, quiet: bool
) -> None:
    """Download what a lock pins into the Nix store: building then downloads nothing.

    Without NAME: every model. Uses your own token and proxy, where a build has only those of the
    Nix daemon. Takes files from models that are in the store already, and goes on with downloads
    that were interrupted. Prints the store paths that were added.

    \b
      aimodels-gen prefetch            # all models
      aimodels-gen prefetch llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    chosen = choose(manifest, names, console, lock=True)
    path = lock_file.path_for(chosen.manifest)
    lock = lock_file.existing(path, chosen.manifest)
    entries = _declared(chosen, console)
    _check_locked(chosen, lock, entries)
    if changed := _changed(chosen, lock, entries):
        console.warn(
            f"{chosen.manifest.name} has changed since it was locked ({', '.join(changed)}): this "
            f"downloads what {path.name} pins; run `{chosen.command('lock')}` to pin what is new"
        )
    wanted = [lock.models[name] for name in chosen.names or sorted(lock.models)]
    result(prefetch_models(wanted, console, tuple(lock.models.values()), root))


def _declared(chosen: Chosen, console: Console) -> dict[str, Entry] | None:
    """Return the entries of the manifest; None if there is none that can be read."""
    if not chosen.manifest.exists():
        return None
    try:
        return {entry.name: entry for entry in load(chosen.manifest).entries}
    except AimodelsError as error:
        console.warn(f"{error.message}; this downloads what is locked")
        return None


def _check_locked(chosen: Chosen, lock: Lock, entries: dict[str, Entry] | None) -> None:
    """Refuse names that the lock does not have.

    Raises:
        AimodelsError: with the next step: to lock them, or to spell them otherwise.
    """
    missing = [name for name in chosen.names if name not in lock.models]
    waiting = [name for name in missing if name in (entries or ())]
    if waiting:
        raise AimodelsError(
            f"not locked yet: {', '.join(waiting)} of {chosen.manifest.name}",
            f"run `{chosen.command('lock')}` first",
        )
    check_names(missing, {*lock.models, *(entries or ())}, lock_file.path_for(chosen.manifest).name)


def _changed(chosen: Chosen, lock: Lock, entries: dict[str, Entry] | None) -> list[str]:
    """Return the wanted models that the manifest declares otherwise than the lock, or only one."""
    if entries is None:
        return []
    wanted = chosen.names or {*lock.models, *entries}

    def same(name: str) -> bool:
        entry, pinned = entries.get(name), lock.models.get(name)
        return entry is not None and pinned is not None and Options().holds(entry, pinned)

    return sorted((name for name in wanted if not same(name)), key=natural)
