"""What we have made, in a file: nothing else of a hub folder is ours to remove.

It is written before anything is made, so that what a killed run has made is known to the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from aimodels_linker.dirfd import TEMPORARY, Put, open_folder
from aimodels_linker.log import warn
from aimodels_linker.spec import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1


@dataclass(frozen=True)
class LinkRecord:
    """An entry that is a link."""


@dataclass(frozen=True)
class FolderRecord:
    """An entry that is a folder of links.

    Args:
        refs: Name -> the commit that was configured last, or "" where the ref may not be set to it.
        snapshots: Commit -> the paths of our links.
        made: Whether the folder is sure to have been there: with us as its maker.
    """

    refs: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, list[str]] = field(default_factory=dict)
    made: bool = False


Record = LinkRecord | FolderRecord


def between(before: Record | None, coming: Record | None) -> Record | None:
    """Give the record for the time in which one thing becomes another: it may be partly either."""
    old, new = (r if isinstance(r, FolderRecord) else FolderRecord() for r in (before, coming))
    if not any(isinstance(record, FolderRecord) for record in (before, coming)):
        return coming or before
    commits = {*old.snapshots, *new.snapshots}
    return FolderRecord(
        {
            ref: old.refs.get(ref, "") if new.refs.get(ref) in {None, old.refs.get(ref)} else ""
            for ref in {**old.refs, **new.refs}
        },
        {c: sorted({*old.snapshots.get(c, ()), *new.snapshots.get(c, ())}) for c in commits},
        old.made,
    )


class State:
    """The file.

    Args:
        path: Of the file.
        hubs: Hub folder -> name of an entry -> what we made of it. To be changed, and then saved.
        damaged: Whether the file is not worth keeping.
    """

    def __init__(
        self, path: str, hubs: Mapping[str, Mapping[str, Record]], *, damaged: bool = False
    ) -> None:
        self.path = path
        self.hubs = dict(hubs)
        self._saved = dict(hubs)
        self._damaged = damaged

    def tidy(self) -> None:
        """Remove what a killed run has left beside the file, and the file if it is damaged."""
        parent, name = os.path.split(self.path)
        with contextlib.suppress(FileNotFoundError), open_folder(parent) as folder:
            folder.remove(TEMPORARY)
            folder.drop([name] if self._damaged else [])

    def save(self) -> None:
        """Write what has changed; without any entry there is no file."""
        hubs = {hub: records for hub, records in self.hubs.items() if records}
        if hubs == self._saved:
            return
        parent, name = os.path.split(self.path)
        with open_folder(parent, make=True) as folder:
            if hubs:
                text = json.dumps(_data(hubs), sort_keys=True, indent=1) + "\n"
                folder.put([Put(name, text.encode("ascii"), over=True)], folder, durable=True)
            else:
                folder.drop([name])
        self._saved = hubs


def read_state(path: str) -> State:
    """Read the file; a warning is all that comes of one that is not as we write it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="ascii") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in {0, os.geteuid()}:
                raise ValueError("it is no file of ours")  # noqa: TRY301 (all are told below)
            return State(path, _parse(json.load(file)))
    except FileNotFoundError:
        return State(path, {})
    except (OSError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warn(
            f"cannot use {path}, which says what was linked before ({reason}): it is made "
            "anew, and what has left the configuration meanwhile is not removed"
        )
        return State(path, {}, damaged=True)


def _data(hubs: Mapping[str, Mapping[str, Record]]) -> dict[str, Any]:
    written = {
        hub: {name: _written(record) for name, record in records.items()}
        for hub, records in hubs.items()
    }
    return {"version": VERSION, "hubs": written}


def _written(record: Record) -> dict[str, Any]:
    if isinstance(record, LinkRecord):
        return {"mode": "link"}
    return {"mode": "directory", **asdict(record)}


def _parse(data: dict[str, Any]) -> dict[str, dict[str, Record]]:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r}")
    return {
        hub: {check_name(name): _record(record) for name, record in records.items()}
        for hub, records in data["hubs"].items()
    }


def _record(data: dict[str, Any]) -> Record:
    if data["mode"] == "link":
        return LinkRecord()
    refs: dict[str, str] = data["refs"]
    snapshots: dict[str, list[str]] = data["snapshots"]
    for commit, paths in snapshots.items():
        for path in paths:
            if not {"", ".", ".."}.isdisjoint(f"{commit}/{path}".split("/")):
                raise ValueError(f"path {path!r}")
    return FolderRecord(refs, snapshots, data["made"])
