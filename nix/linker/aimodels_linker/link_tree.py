"""Link trees: directories of links to an entry in the store, to which programs may add downloads.

A link tree has what huggingface_hub would have made, except that its blobs are links:

    blobs/<sha256>                  a link to the blob of the entry in the store
    snapshots/<commit>/<path>       relative links to the blobs
    refs/<ref>                      files with the same bytes as in the store

It has no trees/<commit>.json: that of the store lists only the files of the pin, and a program that
is online would take it for the whole repository. Without one, it asks the Hub.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import posixpath
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from aimodels_linker.dirfd import DIRECTORY, Directory, Kind
from aimodels_linker.errors import InTheWayError, LinkError
from aimodels_linker.nodes import EntryNodes, FoundNodes
from aimodels_linker.state import DirectoryRecord
from aimodels_linker.walk import walk, walk_into
from aimodels_linker.write import Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Wanted: TypeAlias = "Mapping[str, str | bytes]"
"""What has to be in a link tree: path -> the target of a link, or the bytes of a file."""

InStore: TypeAlias = "Callable[[str], bool]"
"""Whether the target of a link is in the Nix store."""

_MAX_SIZE = 1 << 28  # bytes of a ref or a listing in the store
_MAX_REF = 41  # bytes: a commit, and a newline
_MAX_FOREIGN = 100_000  # files that programs have added to any repository
_MAX_VERSIONS = 10  # and to one with many files, so many times as many
_MAX_REFS = 10_000  # that are read, to find those to what is gone; the others stay
_MAX_LINKS = 40  # from one to another
_BLOB = re.compile(r"(?:\.\./)+(blobs/[^/]+)")

# A ref that is there has its snapshot, and a link in a snapshot has its blob.
_WRITE_ORDER = ("blobs", "snapshots", "refs")
_REMOVE_ORDER = ("refs", "snapshots", "trees", ".no_exist", "blobs")


@dataclass(frozen=True)
class Changes:
    """What to do to a link tree.

    Args:
        writes: In this order.
        removals: Paths of links and files to remove after that, in this order.
        empty: Directories to remove after that.
        remains: Whether anything is left in the end.
    """

    writes: list[Write]
    removals: list[str]
    empty: set[str]
    remains: bool

    def __bool__(self) -> bool:
        return bool(self.writes or self.removals or self.empty or not self.remains)


def read_entry(path: str) -> Wanted:
    """Return what has to be in the link tree of an entry in the store.

    Raises:
        LinkError: The path is not an entry of a cache.
    """
    wanted = EntryNodes(path)
    with Directory(os.open(path, DIRECTORY), path) as directory:
        walk_into(wanted, directory)
        for ref in wanted.refs:
            wanted.refs[ref] = _read(directory, ref)
    if not _commits(wanted):
        raise LinkError(
            f"{path} is not a cache entry: it has no snapshots", "use a path that fetchModel built"
        )
    return wanted


def read_listings(path: str) -> Mapping[str, bytes]:
    """Return the listings of an entry in the store, which are no part of its link tree."""
    with Directory(os.open(path, DIRECTORY), path) as directory:
        if directory.look_up("trees") is not Kind.DIRECTORY:
            return {}
        with directory.open_child("trees") as trees:
            nodes = [f"trees/{node}" for node in walk(trees).nodes]
        return {node: _read(directory, node) for node in nodes}


def _read(directory: Directory, node: str) -> bytes:
    content = directory.read(node, _MAX_SIZE + 1) or b""
    if len(content) > _MAX_SIZE:
        raise LinkError(f"{directory.path}/{node} is too large", 'set `mode = "link"`')
    return content


def record_of(wanted: Wanted) -> DirectoryRecord:
    """Return the record of a link tree that has what it needs."""
    refs = {
        path.removeprefix("refs/"): _commit(content)
        for path, content in wanted.items()
        if isinstance(content, bytes) and _top(path) == "refs"
    }
    return DirectoryRecord(refs, _by_commit(wanted), made=True, listing=False)


def writes_of(wanted: Wanted) -> Iterator[Write]:
    """Yield the writes for a new link tree: what a link or a ref leads to comes before it."""
    return (Write(path, wanted[path], replace=False) for path in _sorted(wanted, _WRITE_ORDER))


def is_link_tree(directory: Directory, in_store: InStore) -> bool:
    """Whether a directory looks like a link tree of ours, for when there is no record of it."""
    with (
        contextlib.suppress(FileNotFoundError, InTheWayError),
        directory.open_below("blobs") as blobs,
        directory.errors_at("blobs"),
        os.scandir(blobs) as entries,
    ):
        for entry in itertools.islice(entries, _MAX_FOREIGN):
            if entry.is_symlink():
                target = os.readlink(entry.name, dir_fd=blobs)
                if in_store(target) and target.endswith(f"/blobs/{entry.name}"):
                    return True
    return False


def compare(
    directory: Directory,
    wanted: Wanted,
    record: DirectoryRecord | None,
    in_store: InStore,
    listings: Mapping[str, bytes] | None = None,
) -> Changes:
    """Return what to change in a link tree of ours.

    Args:
        directory: The link tree.
        wanted: What has to be in it; nothing if its model has left the configuration.
        record: What we made of it, or None if that is not known.
        in_store: Whether the target of a link is in the Nix store.
        listings: Those of the entry; what an earlier release has written of them is removed.
    """
    return _Comparison(directory, wanted, record, in_store).changes(listings or {})


class _Comparison:
    def __init__(
        self,
        directory: Directory,
        wanted: Wanted,
        record: DirectoryRecord | None,
        in_store: InStore,
    ) -> None:
        self._directory = directory
        known = len(wanted) + (sum(map(len, record.snapshots.values())) if record else 0)
        self._nodes = FoundNodes(wanted)
        limit = _MAX_FOREIGN + _MAX_VERSIONS * known
        self._directories = set(walk_into(self._nodes, directory, limit))
        self._wanted = wanted
        self._in_store = in_store
        self._record = record or self._guess_record()

    def changes(self, listings: Mapping[str, bytes]) -> Changes:
        # Of many files, most are as they have to be: what is made of all of them takes memory.
        outdated = [
            path
            for path, content in self._wanted.items()
            if path not in self._nodes or self._is_outdated(path, content)
        ]
        ours = (
            f"snapshots/{commit}/{path}"
            for commit, paths in self._record.snapshots.items()
            for path in paths
        )
        withdrawn = {path for path in ours if path not in self._wanted}
        links = {path for path in withdrawn if self._leads_to_store(path)}
        useless = self._useless([path for path in self._nodes if path not in links])
        removals = links | useless | self._ours(listings)
        # A killed run may have left directories empty.
        may_be_empty = withdrawn or removals
        empty = self._directories - parents(*self._remaining(removals)) if may_be_empty else set()
        return Changes(
            [
                Write(path, self._wanted[path], replace=path in self._nodes)
                for path in _sorted(outdated, _WRITE_ORDER)
            ],
            [*_sorted(removals, _REMOVE_ORDER)],
            empty,
            any(True for _ in self._remaining(removals)),
        )

    def _remaining(self, removals: set[str]) -> Iterator[str]:
        """Yield the paths that are there in the end; some twice."""
        return chain(self._wanted, (path for path in self._nodes if path not in removals))

    def _is_outdated(self, path: str, content: str | bytes) -> bool:
        """Whether to replace a node; one that somebody else has put there stays if it works."""
        target = self._nodes[path]
        if isinstance(content, str):
            if target is None or target == content:
                return False
            return self._in_store(target) or self._leads_nowhere(path)
        if _top(path) == "refs":
            # A program may move a ref; it stays moved until the configuration has a new commit.
            configured = self._record.refs.get(path.removeprefix("refs/"))
            if configured == _commit(content):
                return f"snapshots/{self._commit_at(path)}" not in self._directories
        return self._directory.read(path, len(content) + 1) != content

    def _leads_nowhere(self, path: str) -> bool:
        """Whether a link leads to what is missing here; none is followed to another directory."""
        for _ in range(_MAX_LINKS):
            if path not in self._nodes:
                return path not in self._directories
            target = self._nodes[path]
            if target is None:
                return False
            if self._in_store(target):
                return path not in self._wanted  # and will go
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if path.startswith(("/", "../")):
                return False
        return True

    def _ours(self, listings: Mapping[str, bytes]) -> set[str]:
        """Return the paths of listings that we have written; programs write the whole one."""
        return {
            path
            for path, content in listings.items()
            if self._record.listing
            and path in self._nodes
            and self._directory.read(path, len(content) + 1) == content
        }

    def _useless(self, remaining: Sequence[str]) -> set[str]:
        """Return the nodes that nothing needs if only these links remain."""
        kept = _commits(self._wanted)
        withdrawn = self._record.snapshots.keys() - kept
        gone = withdrawn - _commits(remaining)
        used = {_blob(self._nodes[path]) for path in remaining if path not in self._wanted}

        refs = itertools.count()

        def is_useless(path: str) -> bool:
            top, _, name = path.partition("/")
            if top == "blobs":
                target = self._nodes[path]
                return path not in used and target is not None and self._in_store(target)
            if top == "trees":
                # Even if others have files of that commit: the listing would have ours as missing.
                return name.removesuffix(".json") in withdrawn
            if top == ".no_exist":
                return name.partition("/")[0] in gone
            if top == "refs":
                if next(refs) >= _MAX_REFS or not (gone or name in self._record.refs):
                    return False
                commit = self._commit_at(path)
                return commit in gone or (name in self._record.refs and commit in kept)
            return False

        return {path for path in remaining if path not in self._wanted and is_useless(path)}

    def _guess_record(self) -> DirectoryRecord:
        """Return a record for a lost one: what programs have downloaded has a file of its own."""
        commits = _by_commit(self._nodes)
        return DirectoryRecord(
            {},
            {
                commit: paths
                for commit, paths in commits.items()
                if all(self._leads_to_store(f"snapshots/{commit}/{path}") for path in paths)
            },
        )

    def _leads_to_store(self, path: str) -> bool:
        """Whether a path in a snapshot is a link to a blob that is in the store, or missing."""
        blob = _blob(self._nodes.get(path))
        if blob is None:
            return False
        if blob not in self._nodes:
            return True
        target = self._nodes[blob]
        return target is not None and self._in_store(target)

    def _commit_at(self, ref: str) -> str:
        content = self._directory.read(ref, _MAX_REF + 1)
        return _commit(content) if content and len(content) <= _MAX_REF else ""


def _commit(ref: bytes) -> str:
    return ref.decode("ascii", "replace")


def _blob(target: str | None) -> str | None:
    """Return the path of the blob that a link in a snapshot leads to."""
    match = _BLOB.fullmatch(target) if target is not None else None
    return match[1] if match else None


def _by_commit(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the paths in snapshots, by commit."""
    commits: dict[str, list[str]] = {}
    for node in sorted(paths):
        top, _, rest = node.partition("/")
        commit, _, path = rest.partition("/")
        if top == "snapshots" and path:
            commits.setdefault(commit, []).append(path)
    return commits


def _commits(paths: Iterable[str]) -> set[str]:
    """Return the commits that snapshots are of."""
    parts = (path.split("/", 2) for path in paths)
    return {rest[0] for top, *rest in parts if top == "snapshots" and len(rest) > 1}


def _sorted(paths: Iterable[str], order: Sequence[str]) -> Iterator[str]:
    """Yield paths in the order of their tops, and of their names below those."""
    below: dict[str, list[str]] = {top: [] for top in order}
    for path in paths:
        below[_top(path)].append(path)
    return chain.from_iterable(map(sorted, below.values()))


def parents(*paths: str) -> set[str]:
    """Return all directories that paths lead through."""
    found = set()
    for path in paths:
        parts = path.split("/")
        found |= {"/".join(parts[:count]) for count in range(1, len(parts))}
    return found


def _top(path: str) -> str:
    return path.partition("/")[0]
