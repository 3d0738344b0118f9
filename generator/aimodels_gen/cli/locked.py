"""The pins that a command is about: those of a lock, next to what its manifest declares by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.options import Options
from aimodels_gen.manifest.names import check_names, natural
from aimodels_gen.manifest.parse import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.manifests import Chosen
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.manifest.model import Entry
    from aimodels_gen.reports.list import State


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
        """Return the models that are named, or all of them in the order of people; those with pins.

        Only with `read_locked(…, waiting=True)` there may be others.
        """
        names = self.chosen.names or sorted(self.lock.models, key=natural)
        return [self.lock.models[name] for name in names if name in self.lock.models]

    @property
    def names(self) -> Sequence[str]:
        """Return the names of the same models, and of those without a pin."""
        every = {*self.lock.models, *(self.entries or ())}
        return list(dict.fromkeys(self.chosen.names)) or sorted(every, key=natural)

    def state(self, name: str) -> State:
        """Return whether the pin of a model is what the manifest asks for."""
        pinned = self.lock.models.get(name)
        held: State = "edited" if pinned and pinned.edited else "locked"
        if self.entries is None:
            return held
        entry = self.entries.get(name)
        if entry is None:
            return "removed"
        if pinned is None:
            return "unlocked"
        return held if Options().holds(entry, pinned) else "changed"

    def changed(self) -> list[str]:
        """Return the wanted models that manifest and lock have differently, or only one of them."""
        return self._in_state("changed", "unlocked", "removed")

    def warn_of_changes(self, console: Console, does: str = "uses") -> None:
        """Warn of wanted models whose pins are not those of the manifest, or were edited by hand.

        Args:
            console: where to warn.
            does: what the command does with the pins.
        """
        lock, command = self.path.name, self.chosen.command("lock")
        if changed := self.changed():
            console.warn(
                f"{self.chosen.manifest.name} has changed since it was locked "
                f"({', '.join(changed)}): this {does} what {lock} pins; run `{command}` to pin "
                "what is new"
            )
        if edited := self._in_state("edited"):
            what = f"{', '.join(edited)}: the pin was edited by hand"
            if self.entries is None:
                console.warn(f"{what}: restore {lock} from version control")
            else:
                console.warn(
                    f"{what}: this {does} what {lock} pins; run `{command}` to pin it again"
                )

    def _in_state(self, *states: State) -> list[str]:
        return sorted((name for name in self.names if self.state(name) in states), key=natural)


def read_locked(chosen: Chosen, console: Console, *, waiting: bool = False) -> Locked:
    """Return the lock that a command line names. A manifest that is broken is only warned of.

    Args:
        chosen: the manifest, and the models that are named.
        console: where to warn.
        waiting: whether models may be named that have no pin yet, and the lock may not exist.

    Raises:
        AimodelsError: the lock is missing, or lacks one of the names; with the next step:
            to lock them, or to spell them otherwise.
    """
    path = lock_file.path_for(chosen.manifest)
    entries = _declared(chosen, console)
    if waiting and entries is not None and not path.exists():
        lock = Lock()
    else:
        lock = lock_file.existing(path, chosen.manifest)
    missing = [name for name in chosen.names if name not in lock.models]
    unlocked = [name for name in missing if name in (entries or ())]
    if unlocked and not waiting:
        raise AimodelsError(
            f"not locked yet: {', '.join(unlocked)} of {chosen.manifest.name}",
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
        console.warn(f"{error.message}; this uses what is locked")
        return None
