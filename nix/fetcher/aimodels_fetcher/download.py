"""Getting the content of one file: streamed, resumed after faults, verified."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from aimodels_fetcher.digests import Verifier, hex_to_sri
from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.paths import shown
from aimodels_fetcher.retry import retrying
from aimodels_fetcher.transport import StatusError

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from aimodels_fetcher.progress import Progress
    from aimodels_fetcher.sources.base import RemoteFile, Source
    from aimodels_fetcher.transport import Client

_BUFFER = 1 << 20
_CORRUPT_TRIES = 3  # whole downloads, before wrong content is taken for what the server has
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206


@dataclass(frozen=True)
class Origin:
    """Where a fetch gets its files: a source at one commit, over one client."""

    source: Source
    client: Client
    commit: str


def download(origin: Origin, remote: RemoteFile, target: Path, progress: Progress) -> str:
    """Write the content of a file to `target`, each byte once unless it had to be thrown away.

    What arrived before a fault is kept, and the next try asks for the rest.

    Returns:
        The sha256 hex digest of what was written.

    Raises:
        FetchError: Refused, given up, or the content is not what was listed.
    """
    with target.open("wb", buffering=0) as file:
        return _Download(origin, remote, file, progress).run()


class _Download:
    def __init__(
        self, origin: Origin, remote: RemoteFile, file: BinaryIO, progress: Progress
    ) -> None:
        self._origin = origin
        self._remote = remote
        self._file = file
        self._progress = progress
        self._url = origin.source.url(remote.path, origin.commit)
        self._what = f"{origin.source.label} {shown(remote.path)}"
        self._verifier = self._fresh_verifier()

    def run(self) -> str:
        for last in (*[False] * (_CORRUPT_TRIES - 1), True):
            retrying(self._attempt, self._what, lambda: self._verifier.size, self._progress.sleep)
            wrong = self._wrong()
            if not wrong:
                return self._verifier.sha256
            if last:
                raise FetchError(
                    f"{self._what}: {wrong}",
                    "the file has changed upstream, or a proxy on the way alters it: "
                    f"compare with {self._url}, then lock again",
                )
            self._start_over()
        raise AssertionError  # the loop returns or raises

    def _attempt(self) -> None:
        try:
            with self._origin.client.get(self._url, start=self._verifier.size) as response:
                self._receive(response)
        except StatusError as error:
            if error.status == _RANGE_NOT_SATISFIABLE and self._verifier.size:
                self._start_over()
                raise TransientError(f"{self._what}: the server will not resume") from error
            raise self._origin.source.explain(error) from error

    def _receive(self, response: requests.Response) -> None:
        if self._verifier.size and not self._resumes(response):
            self._start_over()
        end = self._end(response)
        while data := response.raw.read(_BUFFER, decode_content=True):
            self._progress.add(len(data))
            self._verifier.update(data)
            self._file.write(data)
            if self._remote.size is not None and self._verifier.size > self._remote.size:
                return  # `_wrong` says so; there is no need to fill the disk first
        if end is not None and self._verifier.size < end:
            raise TransientError(
                f"{self._what}: the connection ended after {self._verifier.size} of {end} bytes"
            )

    def _end(self, response: requests.Response) -> int | None:
        """Give the size that the file will have after this answer, in bytes, where it is known."""
        length = response.headers.get("Content-Length", "")
        if self._remote.size is not None or "Content-Encoding" in response.headers:
            return self._remote.size
        return self._verifier.size + int(length) if length.isdigit() else None

    def _resumes(self, response: requests.Response) -> bool:
        """Whether the answer is the rest of the same file, and not the whole or something else."""
        if response.status_code != _PARTIAL_CONTENT or "Content-Encoding" in response.headers:
            return False
        sent = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not sent or int(sent[1]) != self._verifier.size:
            raise TransientError(f"{self._what}: the server sent another range than asked for")
        return sent[2] == "*" or self._remote.size in {None, int(sent[2])}

    def _wrong(self) -> str:
        """Say how the content differs from what was listed; an empty string if it does not."""
        remote, got = self._remote, self._verifier
        if remote.size not in {None, got.size}:
            return f"expected {remote.size} bytes, received {got.size} or more"
        if remote.sha256 not in {None, got.sha256}:
            return f"expected {hex_to_sri(remote.sha256 or '')}, received {hex_to_sri(got.sha256)}"
        if remote.git_blob_id not in {None, got.git_blob_id}:
            return f"expected git blob {remote.git_blob_id}, received {got.git_blob_id}"
        return ""

    def _start_over(self) -> None:
        self._progress.add(-self._verifier.size)
        self._verifier = self._fresh_verifier()
        self._file.seek(0)
        self._file.truncate()

    def _fresh_verifier(self) -> Verifier:
        return Verifier(self._remote.size if self._remote.git_blob_id else None)
