"""The layout of an entry, version 1: frozen, since the hashes of tree pins depend on every byte.

    blobs/<sha256 hex of the content>
    refs/main, refs/<ref>              the commit, 40 bytes, no newline (readers do not strip one)
    snapshots/<commit>/<path>          relative links to the blobs
    trees/<commit>.json                huggingface_hub's cache of the Hub's listing

This is what huggingface_hub calls the storage folder of a repository (its file_download.py), with
one choice of ours: blobs are named by sha256 throughout, where it takes the ETag.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import lfs_pointer_blob_id
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_fetcher.sources.base import Source


# Until all is there: some sources compute the commit from the content.
_SNAPSHOT = "snapshots/unnamed"
_SHA256 = 32  # bytes
_SIZE = 8


@dataclass(frozen=True, slots=True)
class LaidFile:
    """A file whose blob is in place.

    Args:
        sha256: Hex digest, the name of the blob.
        size: Bytes.
        git_blob_id: Git's id of the content, or None for a file under LFS.
    """

    sha256: str
    size: int
    git_blob_id: str | None


class LaidFiles(Mapping[str, LaidFile]):
    """Files by their paths, in a fifth of the memory: there may be 100,000.

    They come in the order of their paths. Each may be added once.
    """

    def __init__(self) -> None:
        self._records: list[bytes] = []  # path, NUL, sha256, size, git's id: sorted by path
        self._is_sorted = True

    def add(self, path: str, file: LaidFile) -> None:
        """Add a file."""
        ids = bytes.fromhex(file.sha256), bytes.fromhex(file.git_blob_id or "")
        content = ids[0] + file.size.to_bytes(_SIZE, "big") + ids[1]
        self._records.append(path.encode() + b"\0" + content)
        self._is_sorted = False

    def __getitem__(self, path: str) -> LaidFile:
        start = path.encode() + b"\0"
        records = self._sorted()
        at = bisect_left(records, start)
        if at == len(records) or not records[at].startswith(start):
            raise KeyError(path)
        content = records[at][len(start) :]
        end = _SHA256 + _SIZE
        size = int.from_bytes(content[_SHA256:end], "big")
        return LaidFile(content[:_SHA256].hex(), size, content[end:].hex() or None)

    def __iter__(self) -> Iterator[str]:
        return (record.partition(b"\0")[0].decode() for record in self._sorted())

    def __len__(self) -> int:
        return len(self._records)

    def _sorted(self) -> list[bytes]:
        if not self._is_sorted:
            self._records.sort()
            self._is_sorted = True
        return self._records


class _Digests(Mapping[str, str]):
    """The sha256 of files by their paths. Most sources do not look at them."""

    def __init__(self, files: Mapping[str, LaidFile]) -> None:
        self._files = files

    def __getitem__(self, path: str) -> str:
        return self._files[path].sha256

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def blob_path(out: Path, sha256: str) -> Path:
    """Return the path of a blob in the entry at `out`; its directory is made by `start`."""
    return out / "blobs" / sha256


def start(out: Path) -> None:
    """Make an empty entry, ready for blobs.

    Raises:
        FetchError: Something is at `out` already.
    """
    try:
        (out / "blobs").mkdir(parents=True)
        (out / _SNAPSHOT).mkdir(parents=True)
    except FileExistsError as error:
        raise FetchError(f"{out} exists already") from error


def link(out: Path, path: str, sha256: str) -> None:
    """Add a file to the snapshot, as a link to its blob.

    Args:
        out: The entry.
        path: Path in the repository.
        sha256: Hex digest, the name of the blob.

    Raises:
        FetchError: Another path has a file where it needs a directory, or the other way round.
    """
    up = "../" * (2 + path.count("/"))
    target = f"{up}blobs/{sha256}"
    try:
        os.symlink(target, f"{out}/{_SNAPSHOT}/{path}")  # noqa: PTH211 (many, and pathlib is slow)
    except OSError:
        make_room(out / _SNAPSHOT, path).symlink_to(target)


def finish(out: Path, source: Source, files: Mapping[str, LaidFile]) -> None:
    """Name the snapshot, and write refs and listing around it.

    Args:
        out: The entry.
        source: Has the commit and the refs, and knows whether the Hub lists its files.
        files: Path in the repository -> file.

    Raises:
        FetchError: There is no commit, or one ref is a directory of another one.
    """
    commit = source.commit(_Digests(files))
    (out / _SNAPSHOT).rename(out / "snapshots" / commit)
    for ref in source.refs:
        make_room(out / "refs", ref).write_text(commit, encoding="ascii")
    if source.has_tree_listing:
        _write_tree(make_room(out / "trees", f"{commit}.json"), files)


def make_room(root: Path, path: str) -> Path:
    """Make the directories that lead to `root/path`, and return it.

    Raises:
        FetchError: A part of it is a file, or it exists.
    """
    target = root / path
    try:
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FetchError(
            f"{path!r} needs a directory where another path has a file", HOSTILE
        ) from error
    if target.is_symlink() or target.exists():
        raise FetchError(f"{path!r} is listed twice, or is a directory of another path", HOSTILE)
    return target


def _write_tree(path: Path, files: Mapping[str, LaidFile]) -> None:
    """Write the listing as huggingface_hub reads it (its _tree_cache.py): what is there only.

    With the Hub's full listing a filtered entry would fail an offline `snapshot_download`; with
    none, an online one would try to write it into the store.
    """
    with path.open("w", encoding="ascii") as tree:
        tree.write('{"files":{')
        names = files if isinstance(files, LaidFiles) else sorted(files)
        for number, name in enumerate(names):
            row = _sorted_json(_tree_row(files[name]))
            tree.write(f"{',' if number else ''}{_sorted_json(name)}:{row}")
        tree.write('},"format_version":1}')


def _tree_row(file: LaidFile) -> dict[str, int | str]:
    if file.git_blob_id is not None:
        return {"size": file.size, "blob_id": file.git_blob_id}
    return {
        "size": file.size,
        "blob_id": lfs_pointer_blob_id(file.sha256, file.size),
        "lfs_sha256": file.sha256,
        "lfs_size": file.size,
    }


def _sorted_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
