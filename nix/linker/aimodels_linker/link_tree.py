"""Entries that are folders: links into the store, beside what programs have downloaded themselves.

A folder of ours has what huggingface_hub would have made, but for the blobs, which are links:

    blobs/<sha256>                  a link to the blob of the entry in the store
    snapshots/<commit>/<path>       relative links to the blobs
    refs/<ref>  trees/<commit>.json files with the same bytes as in the store
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from aimodels_linker.errors import LinkError
from aimodels_linker.dirfd import Put, open_folder
from aimodels_linker.state import FolderRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimodels_linker.dirfd import Contents, Folder

Needed: TypeAlias = "Mapping[str, str | bytes]"
"""What is to be in a folder: path -> the text of a link, or the bytes of a file."""

Owns: TypeAlias = "Callable[[str], bool]"
"""Whether a link with this text leads into the store."""

_LIMIT = 1 << 28  # bytes of a listing or a ref; real ones have some MB at most
_BLOB = re.compile(r"(?:\.\./)+(blobs/[^/]+)")

# Whoever follows a ref is to find the snapshot, and whoever follows a link the blob.
_MAKING = ("blobs", "trees", "snapshots", "refs")
_CLEARING = ("refs", "snapshots", "trees", ".no_exist", "blobs")


@dataclass(frozen=True)
class Changes:
    """What makes a folder as it should be.

    Args:
        puts: In this order.
        drops: Paths, in this order, after that.
        prunes: Folders that are to go, empty as they are then.
        rest: Whether something stays.
    """

    puts: list[Put]
    drops: list[str]
    prunes: set[str]
    rest: bool

    @property
    def any(self) -> bool:
        """Whether there is something to do."""
        return bool(self.puts or self.drops or self.prunes or not self.rest)


def read_entry(path: str) -> Needed:
    """Give what has to be in a folder that stands for an entry in the store.

    Raises:
        LinkError: It is no entry of a cache.
    """
    needed: dict[str, str | bytes] = {}
    with open_folder(path) as folder:
        for place, text in folder.walk().nodes.items():
            top = _top(place)
            if top == "blobs":
                needed[place] = f"{path}/{place}"
            elif top == "snapshots" and text is not None:
                needed[place] = text
            elif top in {"refs", "trees"}:
                needed[place] = folder.read(place, _LIMIT) or b""
    if not _by_commit(needed):
        raise LinkError(f"{path} is no entry of a cache: it has no snapshots")
    return needed


def record_of(needed: Needed) -> FolderRecord:
    """Give the record of a folder that has what it needs."""
    refs = {
        place.removeprefix("refs/"): _commit(content)
        for place, content in needed.items()
        if isinstance(content, bytes) and _top(place) == "refs"
    }
    return FolderRecord(refs, _by_commit(needed), made=True)


def in_order(puts: Iterable[Put]) -> list[Put]:
    """Sort what is to be put so that nothing leads to what is not there yet."""
    return sorted(puts, key=lambda put: (_MAKING.index(_top(put.place)), put.place))


def is_ours(folder: Folder, owns: Owns) -> bool:
    """Whether a folder looks like one that we have made, if nothing is known of it."""
    return any(
        _top(place) == "blobs" and text is not None and owns(text) and text.endswith(f"/{place}")
        for place, text in folder.walk().nodes.items()
    )


def plan(folder: Folder, needed: Needed, record: FolderRecord | None, owns: Owns) -> Changes:
    """Say what to change in a folder of ours.

    Args:
        folder: It.
        needed: What is to be in it; nothing for a model that is to go.
        record: What we made of it, or None where that is not known.
        owns: Whether a link with a text leads into the store.
    """
    return _Plan(folder, needed, record, owns).changes()


class _Plan:
    def __init__(
        self, folder: Folder, needed: Needed, record: FolderRecord | None, owns: Owns
    ) -> None:
        self._folder = folder
        self._there: Contents = folder.walk()
        self._needed = needed
        self._owns = owns
        self._record = record or self._guess()

    def changes(self) -> Changes:
        nodes, folders = self._there
        puts = [
            Put(place, content, over=place in nodes)
            for place, content in self._needed.items()
            if place not in nodes or self._is_due(place, content)
        ]
        ours = {
            f"snapshots/{commit}/{path}"
            for commit, paths in self._record.snapshots.items()
            for path in paths
        }
        withdrawn = ours - self._needed.keys()
        links = {place for place in withdrawn if self._leads_to_ours(place)}
        drops = links | self._useless(nodes.keys() - links)
        rest = self._needed.keys() | (nodes.keys() - drops)
        # A killed run may have left folders empty.
        empty = set(folders) - _folders_of(rest) if withdrawn or drops else set()
        return Changes(
            in_order(puts),
            sorted(drops, key=lambda place: (_CLEARING.index(_top(place)), place)),
            empty,
            bool(rest),
        )

    def _is_due(self, place: str, content: str | bytes) -> bool:
        """Whether to replace something; what others have put there stays if it works."""
        text = self._there.nodes[place]
        if isinstance(content, str):
            if text is None or text == content:
                return False
            return self._owns(text) or not self._folder.leads(place)
        if _top(place) == "refs":
            # A program may move it: it has the last word until the configuration has something new.
            configured = self._record.refs.get(place.removeprefix("refs/"))
            if configured == _commit(content):
                return f"snapshots/{self._commit_at(place)}" not in self._there.folders
        return self._folder.read(place, len(content) + 1) != content

    def _useless(self, rest: Iterable[str]) -> set[str]:
        """Give what is of no use any more when only the rest of the links is there."""
        kept = _by_commit(self._needed)
        withdrawn = self._record.snapshots.keys() - kept.keys()
        gone = withdrawn - _by_commit(rest).keys()
        used = {_blob(self._there.nodes[place]) for place in rest if place not in self._needed}

        def is_useless(place: str) -> bool:
            top, _, name = place.partition("/")
            if top == "blobs":
                text = self._there.nodes[place]
                return place not in used and text is not None and self._owns(text)
            if top == "trees":
                # Also where others have files of that commit: it would say that ours are missing.
                return name.removesuffix(".json") in withdrawn
            if top == ".no_exist":
                return name.partition("/")[0] in gone
            if top == "refs":
                commit = self._commit_at(place)
                return commit in gone or (name in self._record.refs and commit in kept)
            return False

        return {place for place in rest if place not in self._needed and is_useless(place)}

    def _guess(self) -> FolderRecord:
        """Give the record that is lost: what programs have downloaded has a file of its own."""
        commits = _by_commit(self._there.nodes)
        return FolderRecord(
            {},
            {
                commit: paths
                for commit, paths in commits.items()
                if all(self._leads_to_ours(f"snapshots/{commit}/{path}") for path in paths)
            },
        )

    def _leads_to_ours(self, place: str) -> bool:
        """Whether something in a snapshot is a link to a blob that is in the store, or nowhere."""
        nodes = self._there.nodes
        blob = _blob(nodes.get(place))
        if blob is None:
            return False
        text = nodes.get(blob, "")
        return blob not in nodes or (text is not None and self._owns(text))

    def _commit_at(self, place: str) -> str:
        return _commit(self._folder.read(place, _LIMIT))


def _commit(ref: bytes | None) -> str:
    return (ref or b"").decode("ascii", "replace")


def _blob(text: str | None) -> str | None:
    """Give the blob that a link in a snapshot leads to."""
    match = _BLOB.fullmatch(text) if text is not None else None
    return match[1] if match else None


def _by_commit(places: Iterable[str]) -> dict[str, list[str]]:
    """Give the paths in snapshots."""
    commits: dict[str, list[str]] = {}
    for place in sorted(places):
        top, _, rest = place.partition("/")
        commit, _, path = rest.partition("/")
        if top == "snapshots" and path:
            commits.setdefault(commit, []).append(path)
    return commits


def _folders_of(places: Iterable[str]) -> set[str]:
    folders = set()
    for place in places:
        parts = place.split("/")
        folders |= {"/".join(parts[:count]) for count in range(1, len(parts))}
    return folders


def _top(place: str) -> str:
    return place.partition("/")[0]
