"""What repositories have at a commit, which never changes: listings in the user's cache.

They are in `$XDG_CACHE_HOME/aimodels-gen/listings-1`, where 1 is the version of their form: a line
with the question, a line for each file, and a line with the sha256 of all that. What is damaged is
not taken.

The cache does not know who may read a repository, and need not: a listing is taken from it only
after the same server has answered the request for the revision, which is never cached, with the
token of this run, or without one.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_gen.cache import CacheDirectory
from aimodels_gen.net.once import Turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aimodels_fetcher.filters import Filters, Selection
    from aimodels_fetcher.http_client import HttpClient
    from aimodels_fetcher.remote_files import RemoteFiles
    from aimodels_fetcher.sources.huggingface import HuggingFace as RepoAtEndpoint
    from aimodels_gen.cache import NewFact

_NAME = "listings-1"
_MOST = 128 << 20  # bytes on disk, of all listings together
_MOST_EACH = 32 << 20  # of 200,000 files
_LAST_LINE = 65  # bytes: a sha256 in hex, and the end of the line
_BLOCK = 1 << 20

_Row = tuple[str, int, str | None, str | None, bool]
"""Path, size, sha256, git blob id, and whether git has a pointer in its place."""


class Listings:
    """Lists repositories at commits; each is listed once. One object serves all threads.

    Attributes:
        is_fresh: whether to ask the server for every listing, and leave the cache as it is.
    """

    def __init__(self) -> None:
        """Take the user's cache."""
        self.is_fresh = False
        self._cache = CacheDirectory(_NAME, _MOST)
        self._turns: Turns[tuple[RepoAtEndpoint, int]] = Turns()

    def take(
        self, repo: RepoAtEndpoint, client: HttpClient, filters: Filters
    ) -> Selection[RemoteFiles]:
        """Return what filters take of a repository at a commit that the server has just confirmed.

        Raises:
            AimodelsError: its listing cannot be read, or no directory can hold what is taken.
        """
        with self._turns.of((repo, client.tries)):
            if not self.is_fresh and (file := self._open(repo)) is not None:
                with file:
                    return filters.take(_rows(file))
            new = self._cache.new(_name(repo))
            try:
                selection = filters.take(self._listed(repo, client, new))
                # Only now is it known to be right; all of it has been read, unless there is too
                # much to take.
                is_whole = selection.seen and not selection.too_many and new.size <= _MOST_EACH
                if is_whole and not self.is_fresh:
                    new.keep()
            finally:
                new.discard()
            return selection

    def forget(self, repo: RepoAtEndpoint) -> None:
        """Remove a listing that a file has contradicted."""
        self._cache.remove(_name(repo))

    def close(self) -> None:
        """Keep the cache small."""
        self._cache.trim()

    def _listed(
        self, repo: RepoAtEndpoint, client: HttpClient, new: NewFact
    ) -> Iterator[RemoteFile]:
        """Yield the files that the server lists, and write them down."""
        digest = hashlib.sha256()

        def write(value: object) -> None:
            if new.size <= _MOST_EACH:
                line = msgspec.json.encode(value) + b"\n"
                digest.update(line)
                new.write(line)

        try:
            write(_question(repo))
            _, files = repo.listing(client)
            for file in files:
                write((file.path, file.size, file.sha256, file.git_blob_id, file.lfs))
                yield file
            new.write(f"{digest.hexdigest()}\n".encode())
        except AimodelsError as error:
            self._turns.failed((repo, client.tries), error)
            raise

    def _open(self, repo: RepoAtEndpoint) -> BinaryIO | None:
        """Return a listing that is in the cache, None if none is or it is damaged."""
        file = self._cache.open(_name(repo), _MOST_EACH + _BLOCK)
        if file is None:
            return None
        with suppress(OSError):
            if _is_whole(file, repo):
                return file
        file.close()
        self._cache.remove(_name(repo))
        return None


def _name(repo: RepoAtEndpoint) -> str:
    return hashlib.sha256(
        msgspec.json.encode((repo.endpoint, repo.repo_type, repo.repo, repo.rev))
    ).hexdigest()


def _question(repo: RepoAtEndpoint) -> dict[str, str | None]:
    """Return what a listing is about, for us and for readers; an endpoint may hold a password."""
    return {"name": _name(repo), "repo": repo.repo, "commit": repo.rev}


def _is_whole(file: BinaryIO, repo: RepoAtEndpoint) -> bool:
    """Return whether a file is a listing of a repository, as it was written."""
    digest = hashlib.sha256()
    left = os.fstat(file.fileno()).st_size - _LAST_LINE
    question = msgspec.json.encode(_question(repo)) + b"\n"
    if left < len(question) or file.read(len(question)) != question:
        return False
    file.seek(0)
    while left and (block := file.read(min(left, _BLOCK))):
        digest.update(block)
        left -= len(block)
    return file.read() == f"{digest.hexdigest()}\n".encode()


def _rows(file: BinaryIO) -> Iterable[RemoteFile]:
    """Yield the files of a listing that is whole."""
    file.seek(0)
    left = os.fstat(file.fileno()).st_size - _LAST_LINE - len(file.readline())
    decode = msgspec.json.Decoder(_Row).decode
    for line in file:
        left -= len(line)
        if left < 0:
            return
        path, size, sha256, git_blob_id, lfs = decode(line)
        yield RemoteFile(path, size, sha256, git_blob_id, lfs)
