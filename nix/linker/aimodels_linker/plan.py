"""What to do about one entry of a hub folder: decided by looking, before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from aimodels_linker.link_tree import in_order, is_ours, plan, read_entry, record_of
from aimodels_linker.dirfd import UNFINISHED, Folder, Kind, Put
from aimodels_linker.log import warn
from aimodels_linker.state import FolderRecord, LinkRecord, between
from aimodels_linker.messages import left_alone, stays_folder

if TYPE_CHECKING:
    from aimodels_linker.link_tree import Changes, Needed
    from aimodels_linker.spec import Entry, Spec
    from aimodels_linker.state import Record

Act: TypeAlias = Callable[[Folder], None]
"""Does something in a hub folder."""


@dataclass(frozen=True)
class Step:
    """What becomes of an entry.

    Args:
        name: Of the entry.
        entry: The model, or None where the configuration has none of that name.
        before: What we have made of it so far.
        record: What we have made of it when this is done.
        does: What it is counted as.
        says: For people; begins with a verb.
        acts: What to do, in this order.
    """

    name: str
    entry: Entry | None
    before: Record | None
    record: Record | None = None
    does: Literal["linked", "removed"] = "linked"
    says: str = ""
    acts: tuple[Act, ...] = ()

    @property
    def meanwhile(self) -> Record | None:
        """What to record before it is done."""
        return between(self.before, self.record) if self.acts else self.record


class Decider:
    """Decides about the entries of one hub folder.

    Args:
        spec: Says what links are ours, and how entries are to be.
        path: Of the hub folder.
        hub: The same, or None if it is not there.
    """

    def __init__(self, spec: Spec, path: str, hub: Folder | None) -> None:
        self._spec = spec
        self._path = path
        self._hub = hub

    def step(self, name: str, entry: Entry | None, before: Record | None) -> Step:
        """Say what to do.

        Args:
            name: Of the entry.
            entry: The model that it is to have, if any.
            before: What we have made of it.

        Raises:
            LinkError: The model is none.
            InTheWayError: It has become something else while we looked.
        """
        there = self._hub.look(name) if self._hub else None
        if self._hub and there is Kind.FOLDER:
            with self._hub.child(name) as folder:
                if self._made(folder, entry, before):
                    return self._of_folder(name, entry, before, folder)
        replaced = isinstance(there, str) and self._spec.owns(there)
        if entry is None:
            says = f"remove {self._path}/{name}"
            acts = (partial(_unlink, name),) if replaced else ()
            return Step(name, None, before, None, "removed", says, acts)
        if there is not None and not replaced:
            warn(left_alone(f"{self._path}/{name}", there, entry, self._spec))
            return Step(name, entry, before)
        if self._spec.mode == "directory":
            needed = read_entry(entry.path)
            says = f"fill {self._path}/{name} with links to {entry.path}"
            fill = partial(_fill, name, needed, over=replaced)
            return Step(name, entry, before, record_of(needed), "linked", says, (fill,))
        says = f"link {self._path}/{name} to {entry.path}"
        link = partial(_link, name, entry.path, over=replaced)
        acts = () if there == entry.path else (link,)
        return Step(name, entry, before, LinkRecord(), "linked", says, acts)

    def _made(self, folder: Folder, entry: Entry | None, before: Record | None) -> bool:
        """Whether we have made a folder; what we know to be a link is none of ours as a folder."""
        if isinstance(before, FolderRecord):
            return before.made or is_ours(folder, self._spec.owns)
        return before is None and entry is not None and is_ours(folder, self._spec.owns)

    def _of_folder(
        self, name: str, entry: Entry | None, before: Record | None, folder: Folder
    ) -> Step:
        """Say what to do about a folder that we have made."""
        record = before if isinstance(before, FolderRecord) else None
        path = f"{self._path}/{name}"
        if entry is None or self._spec.mode == "link":
            changes = plan(folder, {}, record, self._spec.owns)
            clear = partial(_change, name, changes)
            if entry is None:
                says = f"remove the links in {path}"
                acts = (clear,) if changes.any else ()
                return Step(name, None, before, _left(record, changes), "removed", says, acts)
            if not changes.rest:
                says = f"replace {path} by a link to {entry.path}"
                link = partial(_link, name, entry.path, over=False)
                return Step(name, entry, before, LinkRecord(), "linked", says, (clear, link))
            warn(stays_folder(path, entry, self._spec))
        needed = read_entry(entry.path)
        changes = plan(folder, needed, record, self._spec.owns)
        says = f"update the links in {path} to {entry.path}"
        acts = (partial(_change, name, changes),) if changes.any else ()
        return Step(name, entry, before, record_of(needed), "linked", says, acts)


def _left(record: FolderRecord | None, changes: Changes) -> FolderRecord | None:
    """Give the record of a folder that has lost its model.

    It keeps what was configured last: this may be the end of a day, and not of a model.
    """
    return FolderRecord(record.refs if record else {}, made=True) if changes.rest else None


def _link(name: str, path: str, hub: Folder, *, over: bool) -> None:
    hub.put([Put(name, path, over)], hub)


def _unlink(name: str, hub: Folder) -> None:
    hub.drop([name])


def _fill(name: str, needed: Needed, hub: Folder, *, over: bool) -> None:
    puts = in_order(Put(place, content, over=False) for place, content in needed.items())
    with hub.child(UNFINISHED, new=True) as folder:
        folder.put(puts, hub)
    if over:
        hub.drop([name])  # a folder cannot replace a link at once
    hub.move(UNFINISHED, hub.descriptor, name)


def _change(name: str, changes: Changes, hub: Folder) -> None:
    with hub.child(name) as folder:
        folder.put(changes.puts, hub)
        folder.drop(changes.drops)
        folder.prune(changes.prunes)
    if not changes.rest:
        hub.remove_folder(name)
