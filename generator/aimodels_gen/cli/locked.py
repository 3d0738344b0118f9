"""The pins that a command is about: those of a lock, next to what its manifest declares by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.options import Options
from aimodels_gen.manifest.names import check_names, natural
from aimodels_gen.manifest.parse import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.manifests import Chosen
    from aimodels_gen.lock.model import Lock, LockedModel
    from aimodels_gen.manifest.model import Entry


@dataclass(frozen=True)
class Locked:
    """A lock, and the models of it that a command line names.

    Attributes:
        chosen: the manifest and the names of models, none for all.
        path: of the lock.
        entries: what the manifest declares, None if there is none that can be read.
    """

    chosen: Chosen
    path: Path
    lock: Lock
    entries: Mapping[str, Entry] | None

    @property
    def models(self) -> Sequence[LockedModel]:
        """Return the models that are named, or all of them in the order of people."""
        names = self.chosen.names or sorted(self.lock.models, key=natural)
        return [self.lock.models[name] for name in names]

    def changed(self) -> list[str]:
        """Return the wanted models that manifest and lock have differently, or only one of them."""
        if self.entries is None:
            return []
        entries = self.entries

        def same(name: str) -> bool:
            entry, pinned = entries.get(name), self.lock.models.get(name)
            return entry is not None and pinned is not None and Options().holds(entry, pinned)

        wanted = self.chosen.names or {*self.lock.models, *entries}
        return sorted((name for name in wanted if not same(name)), key=natural)


def read_locked(chosen: Chosen, console: Console) -> Locked:
    """Return the lock that a command line names. A manifest that is broken is only warned of.

    Raises:
        AimodelsError: there is no lock, or it does not have one of the names; with the next step:
            to lock them, or to spell them otherwise.
    """
    path = lock_file.path_for(chosen.manifest)
    lock = lock_file.existing(path, chosen.manifest)
    entries = _declared(chosen, console)
    missing = [name for name in chosen.names if name not in lock.models]
    waiting = [name for name in missing if name in (entries or ())]
    if waiting:
        raise AimodelsError(
            f"not locked yet: {', '.join(waiting)} of {chosen.manifest.name}",
            f"run `{chosen.command('lock')}` first",
        )
    check_names(missing, {*lock.models, *(entries or ())}, path.name)
    return Locked(chosen, path, lock, entries)


def _declared(chosen: Chosen, console: Console) -> dict[str, Entry] | None:
    if not chosen.manifest.exists():
        return None
    try:
        return {entry.name: entry for entry in load(chosen.manifest).entries}
    except AimodelsError as error:
        console.warn(f"{error.message}; this goes by what is locked")
        return None
