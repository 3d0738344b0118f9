"""What there has to be in a link tree, and what there is, in little memory: 100,000 files or more.

A walk puts each node into them that it finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class EntryNodes(Mapping[str, str | bytes]):
    """What has to be in the link tree of an entry: path -> target of a link, or bytes of a file.

    Args:
        entry: The path of the entry in the store.
    """

    def __init__(self, entry: str) -> None:
        self._entry = entry
        # Nothing for a blob, and the sha256 in a usual link to one: the rest follows from the path.
        self._links: dict[str, str | bytes | None] = {}
        self._refs: dict[str, bytes] = {}

    @property
    def refs(self) -> dict[str, bytes]:
        """The paths of files, whose bytes are to be added."""
        return self._refs

    def __setitem__(self, path: str, target: str | None) -> None:
        top = path.partition("/")[0]
        if top == "blobs":
            self._links[path] = None
        elif top == "snapshots" and target is not None:
            self._links[path] = _packed(path, target)
        elif top == "refs":
            self._refs[path] = b""

    def __getitem__(self, path: str) -> str | bytes:
        if path in self._refs:
            return self._refs[path]
        link = self._links[path]
        if link is None:
            return f"{self._entry}/{path}"
        return _to_blob(path) + link.hex() if isinstance(link, bytes) else link

    def __contains__(self, path: object) -> bool:
        return path in self._links or path in self._refs

    def __iter__(self) -> Iterator[str]:
        return chain(self._links, self._refs)

    def __len__(self) -> int:
        return len(self._links) + len(self._refs)


class FoundNodes(Mapping[str, str | None]):
    """What a link tree has: path -> target of a link, or None for a file or other node.

    Args:
        wanted: What has to be in it. Nothing is kept of what is there as it has to be.
    """

    def __init__(self, wanted: Mapping[str, str | bytes]) -> None:
        self._wanted = wanted
        self._missing = set(wanted)  # or something else is in their place
        self._others: dict[str, str | None] = {}

    def __setitem__(self, path: str, target: str | None) -> None:
        if target is not None and path in self._wanted and self._wanted[path] == target:
            self._missing.discard(path)
        else:
            self._others[path] = target

    def __getitem__(self, path: str) -> str | None:
        if path not in self._others and self._is_right(path):
            content = self._wanted[path]
            return content if isinstance(content, str) else None
        return self._others[path]

    def __contains__(self, path: object) -> bool:
        return path in self._others or self._is_right(path)

    def __iter__(self) -> Iterator[str]:
        return chain(self._others, filter(self._is_right, self._wanted))

    def __len__(self) -> int:
        return len(self._others) + len(self._wanted) - len(self._missing)

    def _is_right(self, path: object) -> bool:
        return path in self._wanted and path not in self._missing


def _packed(path: str, target: str) -> str | bytes:
    """Return the digest in the target of a link in a snapshot, or the target if it is unusual."""
    digest = target.removeprefix(_to_blob(path))
    try:
        short = bytes.fromhex(digest)
    except ValueError:
        return target
    return short if _to_blob(path) + short.hex() == target else target


def _to_blob(path: str) -> str:
    """Return what the target of a link in a snapshot begins with."""
    return f"{'../' * path.count('/')}blobs/"
