"""Asking upstreams for the parts of one file, and changing to the next one when that fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.body import receive
from aimodels_fetcher.errors import (
    ContentError,
    DiskFullError,
    FetchError,
    SizeError,
    StatusError,
    TransientError,
)
from aimodels_fetcher.http_client import ResolvedUrl
from aimodels_fetcher.log import say
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.retry import PATIENT_TRIES, TRIES, TRIES_BEFORE_ANOTHER, retrying
from aimodels_fetcher.verification import is_another
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.response import Response
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.upstreams import Upstream, Upstreams
    from aimodels_fetcher.workers import Workers

_BAD_RANGES = 2  # responses, before a server is no longer asked for ranges
_RANGE_NOT_SATISFIABLE = 416


class RangeDownload:
    """One attempt at the content of one file, from the first byte to the last.

    Args:
        remote: What is known of the file.
        upstreams: Servers that may have it.
        start: The one to begin with, and the file's URL there.
        file: Where to write.
        workers: The workers that fetch it.

    Attributes:
        upstream: The one that is being asked.
        name: What is fetched, for messages.
        url: The file's URL there.
        validators: Which upstreams the parts have come from, and with which ETag (or date).
        type: Content type of the last response.
    """

    def __init__(
        self,
        remote: RemoteFile,
        upstreams: Upstreams,
        start: tuple[Upstream, str],
        file: PartialFile,
        workers: Workers,
    ) -> None:
        self.file = file
        self.validators: set[tuple[Upstream, str | None]] = set()
        self.type = ""
        self._path = remote.path
        self._etag = remote.etag
        self._strict = upstreams.strict and not (remote.sha256 or remote.git_blob_id)
        self._responses = 0
        self._upstreams = upstreams
        self._workers = workers
        self._lock = threading.Lock()
        self._ask(*start)

    def _ask(self, upstream: Upstream, url: str) -> None:
        self.upstream = upstream
        self.name = f"{upstream.source.label} {self._path}"
        self._resolved = ResolvedUrl(url)
        # Whether this one answers with ranges: one worker finds out, before others join it.
        self._answered = False
        self._alone = False
        self._plain = False
        self._bad_ranges = 0

    @property
    def url(self) -> str:
        """The file's URL at the upstream that is being asked."""
        return self._resolved.url

    def take(self, sharers: int) -> Part | None:
        """Take a part of the file, if there is one to take at the moment."""
        with self._lock:
            if self.file.parts.sharers and (self._alone or not self._answered):
                return None
            return self.file.parts.take(None if self._alone else sharers)

    def fetch(self, part: Part, buffer: memoryview) -> None:
        """Fetch a part that was taken; what is still missing then is another's, or no upstream's.

        Raises:
            FetchError: No upstream has it.
            StopWorker: The file is closed, or as the workers' `sleep`.
        """
        with self._lock:
            upstream, resolved = self.upstream, self._resolved

        def tries() -> int:
            if self._upstreams.after(upstream, self._path):
                return TRIES_BEFORE_ANOTHER
            return PATIENT_TRIES if self._workers.counter.received else TRIES

        try:
            retrying(
                lambda: self._attempt(upstream, resolved, part, buffer),
                progress=lambda: part.at,
                tries=tries,
                patience=upstream.client.patience,
                sleep=self._workers.sleep,
            )
        except DiskFullError as error:  # no other upstream helps
            raise DiskFullError(f"{self.name}: {error}", error.hint) from error
        except StatusError as error:
            self._leave(upstream, upstream.source.explain(error), error)
        except ContentError as error:
            self._leave(upstream, error, error)
        except FetchError as error:
            self._upstreams.drop(upstream)
            self._leave(upstream, error, error)

    def _attempt(
        self, upstream: Upstream, resolved: ResolvedUrl, part: Part, buffer: memoryview
    ) -> None:
        if not part.left:  # the fault came after it, in a response that has the whole file
            return
        self.file.parts.check_open()
        everything = part.at == 0 and part.end == self.file.parts.size
        wanted = None if everything or self._plain else (part.at, part.end)
        try:
            with upstream.client.get(resolved, wanted, self._if_range(upstream)) as response:
                self._check(upstream, response, part)
                receive(response, self.file, part, buffer, self._workers.counter.add)
        except StatusError as error:
            if error.status == _RANGE_NOT_SATISFIABLE and wanted:
                raise self._bad_range(str(error)) from error
            raise
        except TransientError as error:
            self._workers.notice(error)
            raise

    def _check(self, upstream: Upstream, response: Response, part: Part) -> None:
        """Refuse a response that is of another file, or of another part than was asked for."""
        if self._upstreams.checks_etags(upstream) and is_another(self._etag, response.headers):
            raise ContentError(
                f"{response.url} has another ETag than when it was listed",
                "the file has been replaced upstream: lock again",
                path=self._path,
            )
        self._note_validator(upstream, response)
        self.type = response.type
        if response.partial and (response.start != part.at or response.encoding != "identity"):
            raise self._bad_range(f"{response.url} sent another range than asked for")
        size = self.file.parts.size
        if size == UNKNOWN and response.total is not None:
            self._check_room(response.url, response.total)
            self.file.set_size(response.total)
        elif response.total not in {None, size}:
            raise SizeError(
                f"expected {size} bytes, but {response.url} has {response.total} ({response.type})",
                "the file has changed upstream, or a proxy or a login page is in the way",
                received=response.total or 0,
            )
        elif size == UNKNOWN and response.partial:
            raise self._bad_range(f"{response.url} sent a range of a file of unknown size")
        if not self._answered or not response.partial:
            with self._lock:
                self._alone |= not response.partial
                self._answered = True
            self._workers.wake()

    def _note_validator(self, upstream: Upstream, response: Response) -> None:
        validator = response.validator
        if validator is None and self._strict:
            # Nothing shows that two responses are of one file: it has to come with one.
            self._responses += 1
            validator = f"response {self._responses}"
            self._plain = self._alone = True
        self.validators.add((upstream, validator))

    def _if_range(self, upstream: Upstream) -> str | None:
        """Return what the file was called when its first bytes came, if that is known for sure."""
        known = [validator for one, validator in self.validators if one is upstream]
        return next((name for name in known if name and not name.startswith("W/")), None)

    def _check_room(self, url: str, size: int) -> None:
        free = self.file.target.room()
        if free is not None and size > free:
            raise TransientError(
                f"the disk is full: {self.file.target.directory} has {bytes_text(free)} free, but "
                f"{url} has {bytes_text(size)}",
                hint="free some space (nix-collect-garbage -d), then build again",
            )

    def _bad_range(self, what: str) -> TransientError:
        self._bad_ranges += 1
        if self._bad_ranges >= _BAD_RANGES:
            self._plain = self._alone = True
        return TransientError(what)

    def _leave(self, upstream: Upstream, error: FetchError, cause: AimodelsError) -> None:
        """Go on with the next upstream, unless another worker has seen to that already."""
        self._upstreams.failed(upstream, self._path, cause)
        error = FetchError(f"{self.name}: {error}", error.hint)
        with self._lock:
            if self.upstream is not upstream:
                return
            following = self._upstreams.after(upstream, self._path)
            if following is None:
                raise error from cause
            say(f"{error}; asking {following[0].source.place} instead")
            self._ask(*following)
