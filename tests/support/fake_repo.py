"""What a Hub repository holds: files with git's object ids, commits and refs, without git."""

from __future__ import annotations

import functools
import hashlib
import os
import random
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

BLOCK = 1 << 20


@dataclass(frozen=True)
class BigFile:
    """A file of pseudo-random bytes that is made while it is read, so GiBs cost no memory."""

    size: int
    seed: int = 0

    def __len__(self) -> int:
        return self.size

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        base = _random_block(self.seed)
        while start < stop:
            index, offset = divmod(start, BLOCK)
            end = min(BLOCK, offset + stop - start)
            # The index makes the blocks differ, so that a block in the wrong place is seen.
            yield (index.to_bytes(8, "big") + base)[offset:end]
            start += end - offset


Content: TypeAlias = bytes | BigFile


@functools.lru_cache(maxsize=8)
def _random_block(seed: int) -> bytes:
    return random.Random(seed).randbytes(BLOCK - 8)  # noqa: S311 (test data)


def chunks(content: Content, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes [start, stop) of content."""
    stop = len(content) if stop is None else stop
    if isinstance(content, BigFile):
        yield from content.chunks(start, stop)
    elif start < stop:
        yield content[start:stop]


def mirror(directory: Path, files: Mapping[str, Content]) -> None:
    """Make these all files of a directory, and touch none that is right already.

    What is written looks later than all before by seconds: servers make ETags of such times.
    """
    there = {path for path in directory.rglob("*") if path.is_file()}
    newest = max((path.stat().st_mtime for path in there), default=1_700_000_000)
    for path in there - {directory / name for name in files}:
        path.unlink()
    for name, content in files.items():
        path = directory / name
        whole = b"".join(chunks(content))
        if not path.is_file() or path.read_bytes() != whole:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(whole)
            os.utime(path, (newest + 10, newest + 10))


@functools.lru_cache(maxsize=4096)
def sha256(content: Content) -> str:
    digest = hashlib.sha256()
    for chunk in chunks(content):
        digest.update(chunk)
    return digest.hexdigest()


@functools.lru_cache(maxsize=4096)
def blob_id(content: Content) -> str:
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    for chunk in chunks(content):
        digest.update(chunk)
    return digest.hexdigest()


def object_id(kind: str, body: bytes) -> str:
    header = f"{kind} {len(body)}\0".encode()
    return hashlib.sha1(header + body, usedforsecurity=False).hexdigest()


def lfs_pointer(content: Content) -> bytes:
    """The canonical pointer text that git stores in place of an LFS file."""
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{sha256(content)}\nsize {len(content)}\n"
    ).encode()


@dataclass(frozen=True)
class File:
    content: Content
    lfs: bool

    @property
    def oid(self) -> str:
        """The git blob id: for LFS, of the pointer."""
        return blob_id(lfs_pointer(self.content) if self.lfs else self.content)

    @property
    def etag(self) -> str:
        return sha256(self.content) if self.lfs else self.oid


def tree_ids(files: Mapping[str, File]) -> dict[str, str]:
    """The git tree id of every directory; the root's key is the empty string."""
    children: dict[str, dict[str, File]] = {}
    entries: list[tuple[bytes, bytes]] = []
    ids: dict[str, str] = {}
    for path, file in files.items():
        head, slash, rest = path.partition("/")
        if slash:
            children.setdefault(head, {})[rest] = file
        else:
            entries.append((head.encode(), b"100644 %s\0" % head.encode() + _raw(file.oid)))
    for name, below in children.items():
        for sub, oid in tree_ids(below).items():
            ids[f"{name}/{sub}" if sub else name] = oid
        # git sorts a directory as if its name ended in a slash.
        entries.append((name.encode() + b"/", b"40000 %s\0" % name.encode() + _raw(ids[name])))
    ids[""] = object_id("tree", b"".join(entry for _, entry in sorted(entries)))
    return ids


def _raw(oid: str) -> bytes:
    return bytes.fromhex(oid)


@dataclass
class Repo:
    """A repository on the Hub; `commit` moves main, the other methods set a ref."""

    id: str
    lfs: tuple[str, ...] = ()
    type: str = "model"
    private: bool = False
    gated: bool | str = False
    card: dict[str, object] = field(default_factory=dict)
    xet: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, File]] = field(default_factory=dict)

    def commit(self, files: Mapping[str, Content], message: str = "update") -> str:
        """Record a commit whose whole content is `files`."""
        tree = {path: File(content, self._is_lfs(path)) for path, content in sorted(files.items())}
        parent = f"parent {self.sha}\n" if "main" in self.refs else ""
        who = f"Test <test@example.invalid> {1_600_000_000 + len(self.commits)} +0000"
        text = f"tree {tree_ids(tree)['']}\n{parent}author {who}\ncommitter {who}\n\n{message}\n"
        sha = object_id("commit", text.encode())
        self.commits[sha] = tree
        self.refs["main"] = sha
        return sha

    def branch(self, name: str, sha: str) -> None:
        self.refs[name] = sha

    def tag(self, name: str, sha: str) -> None:
        self.refs[name] = sha

    def ref(self, name: str, sha: str) -> None:
        self.refs[name] = sha

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, a tag, a ref or a full commit id names."""
        sha = self.refs.get(revision, revision)
        return sha if sha in self.commits else None

    @property
    def sha(self) -> str:
        return self.refs["main"]

    @property
    def files(self) -> dict[str, Content]:
        return {path: file.content for path, file in self.commits[self.sha].items()}

    def find_lfs(self, digest: str) -> Content | None:
        """The LFS object with that sha256, in whichever commit."""
        for file in self._all_files():
            if file.lfs and sha256(file.content) == digest:
                return file.content
        return None

    def _all_files(self) -> Iterable[File]:
        return (file for tree in self.commits.values() for file in tree.values())

    def _is_lfs(self, path: str) -> bool:
        return any(fnmatch(path, pattern) for pattern in self.lfs)
