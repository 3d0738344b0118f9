"""Downloading one file: its parts, its verification, and starting over when it is wrong."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import ContentError, FetchError
from aimodels_fetcher.log import say
from aimodels_fetcher.partial_file import PartialFile
from aimodels_fetcher.range_download import RangeDownload
from aimodels_fetcher.urls import public
from aimodels_fetcher.verification import hash_behind, mismatch
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_fetcher.digests import Verifier
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.targets import Target
    from aimodels_fetcher.upstreams import Upstream, Upstreams
    from aimodels_fetcher.workers import Task, Workers

_BUFFER = 1 << 20
# Whole downloads, before wrong content is taken for what the servers have.
_CORRUPT_TRIES = 3
_SAME_CORRUPT_TRIES = 2  # of the same bytes
_CONTRADICTS = (
    "the checksum that the server publishes does not match the content that it sends: report it "
    "to the owner of {}, or use another address"
)


class Download:
    """The job of fetching one file (see `workers.Job`).

    Args:
        remote: What is known of the file.
        upstreams: Servers that may have it.
        target: Where to write it.
        workers: The workers that fetch it.
        done: Called with the digests and the size when all is there and right.

    Attributes:
        remote: What is known of the file.
        finished: Whether it is there and right.
    """

    def __init__(
        self,
        remote: RemoteFile,
        upstreams: Upstreams,
        target: Target,
        workers: Workers,
        done: Callable[[Verifier], object] = lambda _: None,
    ) -> None:
        self.remote = remote
        self.finished = False
        self._upstreams = upstreams
        self._target = target
        self._workers = workers
        self._done = done
        self._lock = threading.Lock()
        self._abandoned = False
        self._corrupt: list[str] = []
        start = upstreams.first(remote.path)
        if start is None:
            raise FetchError(
                f"no source has a URL for {remote.path!r}",
                "add its URL to the files of the source",
            )
        self._attempt = self._new_attempt(start)

    @property
    def wanting(self) -> bool:
        """Whether there are bytes that no worker is fetching."""
        return self._attempt.file.parts.wanting

    @property
    def sharers(self) -> int:
        """Number of workers that are fetching it."""
        return self._attempt.file.parts.sharers

    def take(self, sharers: int) -> Task | None:
        """Return the fetching of a part, or None where there is none to take at the moment."""
        attempt = self._attempt
        if attempt.file.parts.complete:  # it is empty, or all of it was there before
            self._verify_aside(attempt)
        part = attempt.take(sharers)
        return partial(self._fetch, attempt, part) if part else None

    def abandon(self) -> None:
        """Stop all work on it: no further requests, nothing written any more."""
        with self._lock:
            self._abandoned = True
        self._attempt.file.close()

    def _new_attempt(self, start: tuple[Upstream, str]) -> RangeDownload:
        file = PartialFile(self._target, self.remote.size, self.remote.most)
        return RangeDownload(self.remote, self._upstreams, start, file, self._workers)

    def _fetch(self, attempt: RangeDownload, part: Part, buffer: memoryview) -> None:
        file = attempt.file
        try:
            file.open()
            if part.end < file.parts.size and self._verify_aside(attempt):
                file.set_size(file.parts.size)
            attempt.fetch(part, buffer)
        finally:
            file.give_back([part])
            if part.left:
                self._workers.wake()
        if file.parts.complete and file.claim_reading():
            self._verify(attempt, buffer)

    def _verify_aside(self, attempt: RangeDownload) -> bool:
        """Verify the attempt on a thread of its own, unless that is under way; return whether."""
        if not attempt.file.claim_reading():
            return False
        self._workers.start(self, lambda: self._verify(attempt, memoryview(bytearray(_BUFFER))))
        return True

    def _verify(self, attempt: RangeDownload, buffer: memoryview) -> None:
        """Hash the file while it is being fetched, and start over if it is not what was listed."""
        # A hash that was pinned, or a git id, decides; what servers publish, where there is none,
        # and where it is being pinned.
        decided = self.remote.is_identified and not self._upstreams.strict
        got = hash_behind(
            attempt.file,
            buffer,
            git=self.remote.git_blob_id is not None,
            algorithms=lambda: () if decided else attempt.published.algorithms,
            discarded=self._workers.wake,
        )
        wrong = mismatch(self.remote, got, len(attempt.validators))
        odd = None if wrong else attempt.published.difference(got, attempt.upstream_url[0])
        attempt.file.close()
        if wrong:
            upstream, url = attempt.upstream_url
            hint = upstream.source.advise_mismatch(self.remote.path, public(url), got.sha256)
            self._start_over(attempt, got, wrong, hint)
        elif odd and not decided:
            hint = _CONTRADICTS.format(public(attempt.upstream_url[1]))
            self._start_over(attempt, got, odd, hint)
        else:
            if odd:
                say(f"{attempt.name}: {odd}; what it sent is what was asked for")
            self._upstreams.succeeded(attempt.upstream_url[0], self.remote.path)
            self._done(got)
            self.finished = True
        self._workers.wake()

    def _start_over(self, attempt: RangeDownload, got: Verifier, wrong: str, hint: str) -> None:
        """Have it fetched once more, from the next upstream if there is one.

        Args:
            attempt: What has been fetched.
            got: Its hashes.
            wrong: What is wrong with it.
            hint: The next step.

        Raises:
            ContentError: That has been tried often enough.
        """
        self._target.forget()
        upstream, _ = attempt.upstream_url
        error = _content_error(attempt, self.remote.path, wrong, hint)
        self._corrupt.append(got.sha256)
        self._upstreams.failed(upstream, self.remote.path, error)
        following = self._upstreams.after(upstream, self.remote.path)
        again = self._corrupt.count(got.sha256) < _SAME_CORRUPT_TRIES
        if not following and not (again and len(self._corrupt) < _CORRUPT_TRIES):
            raise error
        say(f"{error}; fetching it again")
        self._workers.counter.add(-got.size)
        fresh = self._new_attempt(following or attempt.upstream_url)
        with self._lock:
            self._attempt = fresh
            if self._abandoned:
                fresh.file.close()


def _content_error(attempt: RangeDownload, path: str, wrong: str, hint: str) -> ContentError:
    size = attempt.file.parts.size
    changed = ", with an ETag that changed on the way" if len(attempt.validators) > 1 else ""
    return ContentError(
        f"{attempt.name}: {wrong} ({bytes_text(size)} of {attempt.type}{changed})",
        hint,
        path=path,
        received=size,
        difference=wrong,
    )
