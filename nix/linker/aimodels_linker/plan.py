"""Planning what to do about one entry of a hub directory, before anything is changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aimodels_linker.dirfd import Kind
from aimodels_linker.errors import InTheWayError, LinkError
from aimodels_linker.link_tree import (
    compare,
    is_link_tree,
    read_entry,
    read_listings,
    record_of,
    writes_of,
)
from aimodels_linker.log import print_warning
from aimodels_linker.messages import left_alone, stays_directory
from aimodels_linker.remove import remove_all, remove_directory, remove_empty, remove_nodes
from aimodels_linker.state import DirectoryRecord, LinkRecord
from aimodels_linker.step import Step
from aimodels_linker.write import Write, move, write_nodes

if TYPE_CHECKING:
    from aimodels_linker.dirfd import Directory
    from aimodels_linker.link_tree import Changes, Wanted
    from aimodels_linker.spec import Entry, Spec
    from aimodels_linker.state import Record
    from aimodels_linker.step import Action
    from aimodels_linker.write import Scratch


class Planner:
    """Plans the steps for the entries of one hub directory.

    Args:
        spec: What has to be in the hub directory.
        path: The path of the hub directory.
        hub: The open directory, or None if it does not exist.
    """

    def __init__(self, spec: Spec, path: str, hub: Directory | None) -> None:
        self._spec = spec
        self._path = path
        self._hub = hub

    def step(self, name: str, entry: Entry | None, before: Record | None) -> Step:
        """Return what to do about an entry.

        Args:
            name: The name of the entry in the hub directory.
            entry: The model that has to be there, if any.
            before: The record of what we made so far.

        Raises:
            LinkError: The model's path is not an entry.
            InTheWayError: What is there was replaced meanwhile.
        """
        found = self._hub.look_up(name) if self._hub else None
        if self._hub and found is Kind.DIRECTORY:
            with self._hub.open_child(name) as directory:
                if self._is_ours(directory, entry, before):
                    return self._step_of_tree(name, entry, before, directory)
        ours = found if isinstance(found, str) and self._spec.in_store(found) else None
        path = f"{self._path}/{name}"
        if entry is None:
            actions: tuple[Action, ...] = () if ours is None else (partial(_unlink, name, ours),)
            return Step(name, None, before, None, "removed", f"remove {path}", actions)
        if found is not None and ours is None:
            print_warning(left_alone(path, found, entry, self._spec))
            return Step(name, entry, before)
        if self._spec.mode == "directory":
            wanted = read_entry(entry.path)
            summary = f"fill {path} with links to {entry.path}"
            create = partial(_create_tree, name, wanted, ours)
            return Step(name, entry, before, record_of(wanted), "linked", summary, (create,))
        summary = f"link {path} to {entry.path}"
        link = partial(_link, name, entry.path, ours)
        actions = () if ours == entry.path else (link,)
        return Step(name, entry, before, LinkRecord(), "linked", summary, actions)

    def _is_ours(self, directory: Directory, entry: Entry | None, before: Record | None) -> bool:
        """Whether we have made a directory; not if the record has a link of ours in its place."""
        if isinstance(before, DirectoryRecord):
            return before.made or is_link_tree(directory, self._spec.in_store)
        return before is None and entry is not None and is_link_tree(directory, self._spec.in_store)

    def _step_of_tree(
        self, name: str, entry: Entry | None, before: Record | None, directory: Directory
    ) -> Step:
        """Return what to do about a link tree that we have made."""
        record = before if isinstance(before, DirectoryRecord) else None
        path = f"{self._path}/{name}"
        if entry is None or self._spec.mode == "link":
            changes = compare(directory, {}, record, self._spec.in_store)
            clear = partial(_change_tree, name, changes)
            if entry is None:
                summary = f"remove the links in {path}"
                actions = (clear,) if changes else ()
                after = _record_of_rest(record, changes)
                return Step(name, None, before, after, "removed", summary, actions)
            if not changes.remains:
                summary = f"replace {path} by a link to {entry.path}"
                link = partial(_link, name, entry.path, None)
                return Step(name, entry, before, LinkRecord(), "linked", summary, (clear, link))
            print_warning(stays_directory(path, entry, self._spec))
        wanted = read_entry(entry.path)
        after = record_of(wanted)
        if after == record:
            after = record  # which takes the memory already
        listings = read_listings(entry.path) if record is None or record.listing else {}
        changes = compare(directory, wanted, record, self._spec.in_store, listings)
        summary = f"update the links in {path} to {entry.path}"
        actions = (partial(_change_tree, name, changes),) if changes else ()
        return Step(name, entry, before, after, "linked", summary, actions)


def _record_of_rest(record: DirectoryRecord | None, changes: Changes) -> DirectoryRecord | None:
    """Return the record of a link tree whose model has left the configuration.

    It keeps the refs that were configured last, because the model may come back: all models leave
    when the system shuts down.
    """
    refs, listing = (record.refs, record.listing) if record else ({}, True)
    return DirectoryRecord(refs, made=True, listing=listing) if changes.remains else None


def _link(name: str, path: str, former: str | None, scratch: Scratch) -> None:
    _check_link(name, former, scratch)
    write_nodes(scratch.directory, [Write(name, path, replace=former is not None)], scratch)


def _unlink(name: str, former: str, scratch: Scratch) -> None:
    _check_link(name, former, scratch)
    remove_nodes(scratch.directory, [name])


def _check_link(name: str, former: str | None, scratch: Scratch) -> None:
    """Check that there is nothing new where we have found a link of ours, or nothing."""
    hub = scratch.directory
    if hub.look_up(name) not in {former, None}:
        raise InTheWayError(f"{hub.path}/{name}")


def _create_tree(name: str, wanted: Wanted, former: str | None, scratch: Scratch) -> None:
    hub, unfinished = scratch.directory, scratch.new_name()
    try:
        with hub.open_child(unfinished, create=True) as tree:
            write_nodes(tree, writes_of(wanted), scratch)
        if former is not None:
            _unlink(name, former, scratch)  # a directory cannot replace a link at once
        with hub.errors_at(name):
            move(scratch, unfinished, hub.descriptor, name)
    except (OSError, LinkError):
        remove_all(hub, unfinished)
        raise


def _change_tree(name: str, changes: Changes, scratch: Scratch) -> None:
    hub = scratch.directory
    with hub.open_child(name) as tree:
        write_nodes(tree, changes.writes, scratch)
        remove_nodes(tree, changes.removals)
        remove_empty(tree, changes.empty)
    if not changes.remains:
        remove_directory(hub, name)
