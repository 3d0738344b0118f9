"""Getting the content of one file: in parts, by several threads, each byte written once."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import Verifier, hex_to_sri
from aimodels_fetcher.errors import DiskFullError, FetchError, StatusError, TransientError
from aimodels_fetcher.http_client import ResolvedUrl
from aimodels_fetcher.log import say
from aimodels_fetcher.parts import UNKNOWN, Part, Parts
from aimodels_fetcher.retry import PATIENT_TRIES, TRIES, TRIES_BEFORE_ANOTHER, retrying
from aimodels_fetcher.urls import public
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aimodels_fetcher.response import Response
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.upstreams import Upstream, Upstreams
    from aimodels_fetcher.worker_pool import WorkerPool

_BUFFER = 1 << 20
_FLUSH_SECONDS = 1.0
_CORRUPT_TRIES = 3  # whole downloads, before wrong content is taken for what the servers have
_BAD_RANGES = 2  # answers, before a server is not asked for ranges any more
_RANGE_NOT_SATISFIABLE = 416
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Download:
    """One file on its way to `target`: threads of a pool take parts of it, and fetch them.

    Args:
        remote: What is known of the file.
        origins: Where it can be had.
        target: File to write.
        pool: Whose threads fetch it.
        done: Called with the sha256 hex digest when all is there and right.

    Raises:
        FetchError: None of the origins has it.
    """

    def __init__(
        self,
        remote: RemoteFile,
        origins: Upstreams,
        target: Path,
        pool: WorkerPool,
        done: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.finished = False
        self._remote = remote
        self._origins = origins
        self._target = target
        self._pool = pool
        self._progress = pool.progress
        self._done = done
        # The pool waits for parts to take, and the verifying thread for bytes: one lock for both.
        self._lock = pool.lock
        self._advanced = threading.Condition(pool.lock)
        self._file = -1
        self._verifying = False
        self._corrupt = 0
        self._bad_ranges = 0
        self._answered = False
        self._alone = False
        first = origins.first(remote.path)
        if first is None:
            raise FetchError(
                f"no source has an address for {remote.path!r}",
                "name the file in the source, or lock again",
            )
        self._start_over(*first)

    @property
    def wanting(self) -> bool:
        """Whether there are bytes that no thread is fetching."""
        return self._parts.wanting

    @property
    def sharers(self) -> int:
        """How many threads are fetching it."""
        return self._parts.sharers

    def take(self, sharers: int) -> Part | None:
        """Take a part, if there is one to take at the moment; the pool's lock is held."""
        if not self._parts.size and not self._verifying:
            self._verify_aside()
        if self._parts.sharers and (self._alone or not self._answered):
            return None
        return self._parts.take(None if self._alone else sharers)

    def fetch(self, part: Part, buffer: memoryview) -> None:
        """Fetch a part that was taken; what of it could not be had may be taken again.

        Raises:
            FetchError: No origin has it.
            StopWorker: As the pool's `sleep`.
        """
        self._open()  # not with the lock held: to make a file may take longer than to fetch it
        with self._lock:
            parts, origin, place = self._parts, self._origin, self._place
            if part.end < parts.size and not self._verifying:
                self._set_size(parts.size)
                self._verify_aside()

        def tries() -> int:
            if self._origins.after(origin, self._remote.path):
                return TRIES_BEFORE_ANOTHER
            return PATIENT_TRIES if self._progress.received else TRIES

        try:
            retrying(
                lambda: self._attempt(origin, place, part, buffer),
                progress=lambda: part.at,
                tries=tries,
                sleep=self._pool.sleep,
            )
        except DiskFullError:
            raise  # no other origin helps
        except StatusError as error:
            self._turn(origin, self._named(origin.source.explain(error)))
        except FetchError as error:
            self._origins.drop(origin)
            self._turn(origin, self._named(error))
        finally:
            with self._lock:
                parts.give_back(part)
                self._advanced.notify()
                if part.left:
                    self._pool.changed.notify_all()
                last = self._parts.complete and not self._verifying
                self._verifying |= last
        if last:
            self._verify(buffer)

    def _attempt(
        self, origin: Upstream, place: ResolvedUrl, part: Part, buffer: memoryview
    ) -> None:
        if not part.left:  # the fault came after it, in an answer that has the whole file
            return
        everything = part.at == 0 and part.end == self._parts.size
        wanted = None if everything or self._plain else (part.at, part.end)
        try:
            with origin.client.get(place, wanted) as answer:
                self._check(origin, answer, part)
                self._receive(answer, part, buffer)
        except StatusError as error:
            if error.status == _RANGE_NOT_SATISFIABLE and wanted:
                raise self._bad_range(str(error)) from error
            raise
        except TransientError as error:
            self._pool.notice(error)
            raise

    def _check(self, origin: Upstream, answer: Response, part: Part) -> None:
        """See to it that the answer is of the file that is expected, and of the part asked for."""
        self._states.add((origin, answer.validator))
        self._type = answer.type
        if answer.partial and (answer.start != part.at or answer.encoding != "identity"):
            raise self._bad_range(f"{answer.url} sent another range than asked for")
        size = self._parts.size
        if size == UNKNOWN and answer.total is not None:
            free = shutil.disk_usage(self._target.parent).free
            if answer.total > free:
                raise TransientError(
                    f"the disk is full: {self._target.parent} has {bytes_text(free)} free, but "
                    f"{answer.url} has {bytes_text(answer.total)}",
                    hint="free some space (nix-collect-garbage -d), then build again",
                )
            with self._lock:
                self._set_size(answer.total)
        elif answer.total not in {None, size}:
            raise TransientError(
                f"expected {size} bytes, but {answer.url} has {answer.total} ({answer.type})",
                hint="the file has changed upstream, or a proxy or a login page is in the way",
            )
        elif size == UNKNOWN and answer.partial:
            raise self._bad_range(f"{answer.url} sent a range of a file of unknown size")
        if not self._answered or not answer.partial:
            with self._lock:
                self._alone |= not answer.partial
                self._answered = True
                self._pool.changed.notify_all()

    def _bad_range(self, what: str) -> TransientError:
        self._bad_ranges += 1
        if self._bad_ranges >= _BAD_RANGES:
            self._plain = self._alone = True
        return TransientError(what)

    def _receive(self, answer: Response, part: Part, buffer: memoryview) -> None:
        """Write what the answer has of what is missing: of a whole file, all of that."""
        with self._lock:
            # Once all is there it is verified, and another thread may start over with new ones.
            parts = self._parts
            others = [] if answer.partial else parts.take_all()
        position = answer.start or 0
        try:
            for wanted in sorted((part, *others), key=lambda part: part.at):
                if not wanted.left:  # the size has become known, and it is behind
                    break
                self._skip(answer, wanted.at - position, buffer)
                self._fill(answer, wanted, buffer)
                position = wanted.end
        finally:
            with self._lock:
                for other in others:
                    parts.give_back(other)

    def _skip(self, answer: Response, count: int, buffer: memoryview) -> None:
        while count > 0:
            got = answer.readinto(buffer[:count])
            if not got:
                raise TransientError(f"{answer.url}: the connection ended early")
            count -= got

    def _fill(self, answer: Response, part: Part, buffer: memoryview) -> None:
        start = part.at
        filled, flushed = 0, time.monotonic()
        try:
            while (room := min(len(buffer), part.left) - filled) > 0:
                count = answer.readinto(buffer[filled : filled + room])
                filled += count
                now = time.monotonic()
                if count == room or not count or now - flushed > _FLUSH_SECONDS:
                    data, filled, flushed = buffer[:filled], 0, now
                    self._write(part, data)
                if not count:
                    break
        finally:
            self._write(part, buffer[:filled])
        if part.left and self._parts.size == UNKNOWN:
            with self._lock:
                self._set_size(part.at)
        # Some servers send less than was asked for at a time: there is nothing wrong with that.
        elif part.left and (part.at == start or not answer.capped):
            raise TransientError(
                f"{answer.url}: the connection ended after {part.at} of {self._parts.size} bytes"
            )

    def _write(self, part: Part, data: memoryview) -> None:
        with self._lock:
            data = data[: part.reserve(len(data))]
        at = part.at
        try:
            while data:
                count = os.pwrite(self._file, data, at)
                data, at = data[count:], at + count
        except OSError as error:
            if error.errno not in _FULL:
                raise
            size = "it" if self._parts.size == UNKNOWN else f"its {bytes_text(self._parts.size)}"
            raise DiskFullError(
                f"{self._what}: the disk is full: {self._target.parent} has no room for {size}",
                "something else fills the disk as well: free some space (nix-collect-garbage -d), "
                "then build again",
            ) from error
        with self._lock:
            self._progress.add(at - part.at)
            part.at = at
            self._advanced.notify()

    def _turn(self, origin: Upstream, error: FetchError) -> None:
        """Go on with the next origin, unless another thread has seen to that already."""
        with self._lock:
            if self._origin is not origin:
                return
            following = self._origins.after(origin, self._remote.path)
            if following is None:
                raise error
            say(f"{error}; asking {following[0].source.place} instead")
            self._ask(*following)

    def _named(self, error: FetchError) -> FetchError:
        return FetchError(f"{self._what}: {error}", error.hint)

    def _ask(self, origin: Upstream, url: str) -> None:
        self._origin = origin
        self._place = ResolvedUrl(url)
        self._what = f"{origin.source.label} {self._remote.path}"
        # Whether this one answers with ranges: one thread finds out, before others join it.
        self._answered = False
        self._alone = False
        self._plain = False
        self._bad_ranges = 0

    def _start_over(self, origin: Upstream, url: str) -> None:
        self._parts = Parts(UNKNOWN if self._remote.size is None else self._remote.size)
        # Where the parts have come from, and what the file was called there at the time.
        self._states: set[tuple[Upstream, str | None]] = set()
        self._type = ""
        self._ask(origin, url)

    def _open(self) -> None:
        # Until it has answered there is one thread for a file, and from then on it is open.
        if self._file < 0:
            self._file = os.open(self._target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)

    def _set_size(self, size: int) -> None:
        self._parts.resize(size)
        if size != UNKNOWN:
            os.ftruncate(self._file, size)

    def _verify_aside(self) -> None:
        self._verifying = True
        self._pool.start(lambda: self._verify(memoryview(bytearray(_BUFFER))))

    def _verify(self, buffer: memoryview) -> None:
        """Hash the file as far as it is there without gaps, until it is whole."""
        self._open()  # nobody else has done it for an empty one
        verifier = Verifier(self._remote.size if self._remote.git_blob_id else None)
        with self._target.open("rb", buffering=0) as file:
            while (ready := self._wait_beyond(verifier.size)) > verifier.size:
                while verifier.size < ready:
                    count = file.readinto(buffer[: ready - verifier.size])
                    verifier.update(buffer[:count])
        wrong = self._wrong(verifier)
        if not wrong:
            os.close(self._file)
            self._done(verifier.sha256)
        with self._lock:
            self.finished = not wrong
            if wrong:
                self._refetch(wrong)
            self._pool.changed.notify_all()

    def _wait_beyond(self, size: int) -> int:
        """Wait for more bytes than that, and give their number; the same at the end of the file."""
        with self._lock:
            while self._parts.frontier <= size and not self._parts.complete:
                self._advanced.wait()
            return self._parts.frontier

    def _wrong(self, got: Verifier) -> str:
        """Say how the content differs from what was listed; an empty string if it does not."""
        remote = self._remote
        if remote.sha256 not in {None, got.sha256}:
            return f"expected {hex_to_sri(remote.sha256 or '')}, received {hex_to_sri(got.sha256)}"
        if remote.git_blob_id not in {None, got.git_blob_id}:
            return f"expected git blob {remote.git_blob_id}, received {got.git_blob_id}"
        if not (remote.sha256 or remote.git_blob_id) and len(self._states) > 1:
            return "expected one file, received parts of several"
        return ""

    def _refetch(self, wrong: str) -> None:
        """Throw away what is not the file, and have it fetched once more."""
        changed = ", with an ETag that changed on the way" if len(self._states) > 1 else ""
        error = FetchError(
            f"{self._what}: {wrong} ({bytes_text(self._parts.size)} of {self._type}{changed})",
            "the file has changed upstream, or a proxy on the way alters it: "
            f"compare with {public(self._place.url)}, then lock again",
        )
        self._corrupt += 1
        following = self._origins.after(self._origin, self._remote.path)
        if self._corrupt >= _CORRUPT_TRIES and not following:
            raise error
        say(f"{error}; fetching it again")
        self._progress.add(-self._parts.size)
        self._verifying = False
        self._start_over(*(following or (self._origin, self._place.url)))
