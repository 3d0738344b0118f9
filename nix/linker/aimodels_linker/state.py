"""The state file: a record of what we made. Nothing else in a hub directory is ours to remove.

It is written before anything is made, so that the next run knows what a killed one has made.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from aimodels_linker import documents
from aimodels_linker.absolute import open_directory
from aimodels_linker.log import print_warning
from aimodels_linker.ownership import is_ours
from aimodels_linker.remove import remove_nodes
from aimodels_linker.spec import check_name
from aimodels_linker.write import Scratch, Write, write_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_linker.dirfd import Directory

VERSION = 1
_MAX_SIZE = 1 << 27  # bytes; of a file in a directory of links it has about a hundred


@dataclass(frozen=True)
class LinkRecord:
    """An entry that is a link."""


@dataclass(frozen=True)
class DirectoryRecord:
    """An entry that is a directory of links.

    Args:
        refs: Name -> the commit that was configured last, or "" if the ref may not be set to it.
        snapshots: Commit -> the paths of our links.
        made: Whether the directory surely was there, made by us.
        listing: Whether there may be a listing of ours, as earlier releases have made.
    """

    refs: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, list[str]] = field(default_factory=dict)
    made: bool = False
    listing: bool = True


@dataclass(frozen=True)
class FileRecord:
    """A file of a view: a link into the store, or what one of the marks says.

    Args:
        marks: "-> " and the target of a link in the directory itself, or the sha256 of a copy.
    """

    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class MadeRecord:
    """A directory that we made for files of a view, which goes when it is empty.

    Args:
        levels: How many directories we made: for the directory of the view itself, also parents.
    """

    levels: int = 1


Record = LinkRecord | DirectoryRecord | FileRecord | MadeRecord


def merge_records(before: Record | None, after: Record | None) -> Record | None:
    """Return the record for the time of a change, in which an entry may be partly old or new."""
    levels = [record.levels for record in (before, after) if isinstance(record, MadeRecord)]
    if levels:
        return MadeRecord(max(levels))
    marks = [record.marks for record in (before, after) if isinstance(record, FileRecord)]
    if marks:
        return FileRecord(tuple(sorted({mark for each in marks for mark in each})))
    old, new = (
        record if isinstance(record, DirectoryRecord) else DirectoryRecord()
        for record in (before, after)
    )
    if not any(isinstance(record, DirectoryRecord) for record in (before, after)):
        return after or before
    commits = {*old.snapshots, *new.snapshots}
    return DirectoryRecord(
        {
            ref: old.refs[ref] if new.refs.get(ref, old.refs.get(ref)) == old.refs.get(ref) else ""
            for ref in {**old.refs, **new.refs}
        },
        {c: sorted({*old.snapshots.get(c, ()), *new.snapshots.get(c, ())}) for c in commits},
        old.made,
        old.listing,
    )


class State:
    """The content of the state file.

    Args:
        path: The path of the file.
        hubs: Hub directory -> name of an entry -> its record. Change it, then call `save`.
        damaged: Whether the file exists and cannot be used.
    """

    def __init__(
        self, path: str, hubs: Mapping[str, Mapping[str, Record]], *, damaged: bool = False
    ) -> None:
        self.path = path
        self.hubs = dict(hubs)
        self._saved = dict(hubs)
        self._damaged = damaged

    def scratch(self, directory: Directory) -> Scratch:
        """Return where to keep what is not complete yet, for runs with this state file."""
        return Scratch(directory, self.path)

    def clean_up(self) -> None:
        """Remove what killed runs have left beside the file."""
        with (
            contextlib.suppress(FileNotFoundError),
            open_directory(os.path.split(self.path)[0]) as directory,
        ):
            self.scratch(directory).clean_up()

    def remove_damaged(self) -> None:
        """Remove the file if it cannot be used."""
        if self._damaged:
            parent, name = os.path.split(self.path)
            with open_directory(parent) as directory:
                remove_nodes(directory, [name])

    def save(self) -> None:
        """Write the file if something has changed; remove it if there are no entries."""
        hubs = {hub: records for hub, records in self.hubs.items() if records}
        if hubs == self._saved:
            return
        parent, name = os.path.split(self.path)
        with open_directory(parent, create=True) as directory:
            if hubs:
                write = Write(name, _written(hubs), replace=True)
                write_nodes(directory, [write], self.scratch(directory), durable=True)
            else:
                remove_nodes(directory, [name])
        self._saved = hubs


def read_state(path: str, hub: str) -> State:
    """Read the state file; one that cannot be used causes a warning and counts as empty.

    Where others can write to its directory, the file may be one that root has written for another
    purpose. It is then believed only about hub directories below that directory.

    Args:
        path: Its path.
        hub: A hub directory of the configuration, about which it is always believed.

    Raises:
        LinkError: See `open_directory`.
        OSError: Its directory cannot be opened.
    """
    parent, name = os.path.split(path)
    try:
        directory = open_directory(parent)
    except FileNotFoundError:
        return State(path, {})
    with directory:
        try:
            if directory.look_up(name) is None:
                return State(path, {})
            hubs = _parse(documents.table(documents.parse(_read(directory, name)), "it"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else documents.brief(error)
            print_warning(
                f"cannot use {path}, which records what was linked before ({reason}): a new one is "
                "made, and what has left the configuration meanwhile is not removed. Remove the "
                "links to it yourself"
            )
            return State(path, {}, damaged=True)
        private = directory.private
    below = f"{parent.rstrip('/')}/"
    for other in [*hubs]:
        if not private and other != hub and not other.startswith(below):
            print_warning(
                f"{path} records links in {other}, and others can write to {parent}, so they are "
                "not removed. Remove those that you do not need yourself"
            )
            del hubs[other]
    return State(path, hubs)


def _read(directory: Directory, name: str) -> bytes:
    file = directory.open_file(name)
    if file is None:
        raise ValueError("it is not a file")
    with file:
        status = os.fstat(file.fileno())
        if not is_ours(status):
            raise ValueError("it is the file of another user")
        if status.st_size > _MAX_SIZE:
            raise ValueError("it is too large")
        return file.read(status.st_size)


def _written(hubs: Mapping[str, Mapping[str, Record]]) -> bytes:
    """Return the content of the file; not all of it is there as pieces at once."""
    content = io.BytesIO()
    for piece in json.JSONEncoder(sort_keys=True, indent=1).iterencode(_to_json(hubs)):
        content.write(piece.encode("ascii"))
    content.write(b"\n")
    return content.getvalue()


def _to_json(hubs: Mapping[str, Mapping[str, Record]]) -> dict[str, Any]:
    data = {
        hub: {name: _record_to_json(record) for name, record in records.items()}
        for hub, records in hubs.items()
    }
    return {"version": VERSION, "hubs": data}


def _record_to_json(record: Record) -> dict[str, Any]:
    if isinstance(record, LinkRecord):
        return {"mode": "link"}
    if isinstance(record, FileRecord):
        return {"mode": "file", **({"marks": record.marks} if record.marks else {})}
    if isinstance(record, MadeRecord):
        return {"mode": "made", "levels": record.levels}
    return {"mode": "directory", **asdict(record)}


def _parse(data: dict[str, Any]) -> dict[str, dict[str, Record]]:
    documents.version(data, VERSION)
    return {
        documents.absolute(hub, "a hub"): {
            name: _parse_record(documents.table(record, documents.text(name, "a name")), name)
            for name, record in documents.table(records, hub).items()
        }
        for hub, records in documents.table(data.get("hubs"), "hubs").items()
    }


def _parse_record(data: dict[str, Any], name: str) -> Record:
    mode, made = data.get("mode"), data.get("made")
    if mode == "made":
        levels = data.get("levels")
        if type(levels) is not int or (name and _below(name) and levels != 1):
            raise ValueError(f"the record of {name} has other levels")
        return MadeRecord(levels)
    if mode == "file":
        _below(name)
        return FileRecord(tuple(documents.strings(data.get("marks", []), f"{name}.marks")))
    check_name(name)
    if mode == "link":
        return LinkRecord()
    if mode != "directory" or not isinstance(made, bool):
        raise ValueError(f"the record of {name} has another mode")
    refs, snapshots = (
        documents.table(data.get(key), f"{name}.{key}") for key in ("refs", "snapshots")
    )
    return DirectoryRecord(
        {_below(ref): documents.text(commit, f"{name}.refs.{ref}") for ref, commit in refs.items()},
        {
            _below(commit): [
                _below(path) for path in documents.strings(paths, f"{name}.snapshots.{commit}")
            ]
            for commit, paths in snapshots.items()
        },
        made,
        data.get("listing") is not False,
    )


def _below(path: str) -> str:
    """Return a path, if it leads nowhere but down from a directory."""
    if not {"", ".", ".."}.isdisjoint(documents.text(path, "a path").split("/")):
        raise ValueError(f"{path!r} is not the path of a file in a directory")
    return path
