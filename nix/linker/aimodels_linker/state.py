"""The state file: a record of what we made. Nothing else in a hub directory is ours to remove.

It is written before anything is made, so that the next run knows what a killed one has made.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from aimodels_linker.dirfd import open_directory
from aimodels_linker.log import print_warning
from aimodels_linker.remove import remove_all, remove_nodes
from aimodels_linker.spec import check_name
from aimodels_linker.write import TEMPORARY, Write, write_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1


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
    """

    refs: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, list[str]] = field(default_factory=dict)
    made: bool = False


Record = LinkRecord | DirectoryRecord


def merge_records(before: Record | None, after: Record | None) -> Record | None:
    """Return the record for the time of a change, in which an entry may be partly old or new."""
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

    def clean_up(self) -> None:
        """Remove what a killed run has left beside the file, and the file if it is damaged."""
        parent, name = os.path.split(self.path)
        with contextlib.suppress(FileNotFoundError), open_directory(parent) as directory:
            remove_all(directory, TEMPORARY)
            remove_nodes(directory, [name] if self._damaged else [])

    def save(self) -> None:
        """Write the file if something has changed; remove it if there are no entries."""
        hubs = {hub: records for hub, records in self.hubs.items() if records}
        if hubs == self._saved:
            return
        parent, name = os.path.split(self.path)
        with open_directory(parent, create=True) as directory:
            if hubs:
                text = json.dumps(_to_json(hubs), sort_keys=True, indent=1) + "\n"
                write = Write(name, text.encode("ascii"), replace=True)
                write_nodes(directory, [write], directory, durable=True)
            else:
                remove_nodes(directory, [name])
        self._saved = hubs


def read_state(path: str) -> State:
    """Read the state file; one that cannot be used causes a warning and counts as empty."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="ascii") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in {0, os.geteuid()}:
                raise ValueError("it is not a file of ours")  # noqa: TRY301 (all are handled below)
            return State(path, _parse(json.load(file)))
    except FileNotFoundError:
        return State(path, {})
    except (OSError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print_warning(
            f"cannot use {path}, which records what was linked before ({reason}): a new one is "
            "made, and what has left the configuration meanwhile is not removed"
        )
        return State(path, {}, damaged=True)


def _to_json(hubs: Mapping[str, Mapping[str, Record]]) -> dict[str, Any]:
    data = {
        hub: {name: _record_to_json(record) for name, record in records.items()}
        for hub, records in hubs.items()
    }
    return {"version": VERSION, "hubs": data}


def _record_to_json(record: Record) -> dict[str, Any]:
    if isinstance(record, LinkRecord):
        return {"mode": "link"}
    return {"mode": "directory", **asdict(record)}


def _parse(data: dict[str, Any]) -> dict[str, dict[str, Record]]:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r}")
    return {
        hub: {check_name(name): _parse_record(record) for name, record in records.items()}
        for hub, records in data["hubs"].items()
    }


def _parse_record(data: dict[str, Any]) -> Record:
    if data["mode"] == "link":
        return LinkRecord()
    refs: dict[str, str] = data["refs"]
    snapshots: dict[str, list[str]] = data["snapshots"]
    for commit, paths in snapshots.items():
        for path in paths:
            if not {"", ".", ".."}.isdisjoint(f"{commit}/{path}".split("/")):
                raise ValueError(f"path {path!r}")
    return DirectoryRecord(refs, snapshots, data["made"])
