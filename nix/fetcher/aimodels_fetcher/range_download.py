"""Fetching the parts of one file from the first upstream that has them, then from the next."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.active_upstream import ActiveUpstream
from aimodels_fetcher.body import receive
from aimodels_fetcher.errors import (
    ContentError,
    DiskFullError,
    FetchError,
    StatusError,
    TransientError,
)
from aimodels_fetcher.log import say
from aimodels_fetcher.retry import PATIENT_TRIES, TRIES, TRIES_BEFORE_ANOTHER, retrying
from aimodels_fetcher.verification import PublishedChecksums, is_another, not_twice

if TYPE_CHECKING:
    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.response import Response
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.upstreams import Upstream, Upstreams
    from aimodels_fetcher.workers import Workers


class RangeDownload:
    """One attempt at the content of one file, from the first byte to the last.

    Args:
        remote: What is known of the file.
        upstreams: Servers that may have it.
        start: The one to begin with, and the file's URL there.
        file: Where to write.
        workers: The workers that fetch it.

    Attributes:
        file: Where it is written.
        published: What the upstreams' answers say of its content.
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
        self.published = PublishedChecksums()
        self.validators: set[tuple[Upstream, str | None]] = set()
        self.type = ""
        self._path = remote.path
        self._etag = remote.etag
        self._identified = remote.is_identified
        self._strict = upstreams.strict and not self._identified
        self._responses = 0
        self._upstreams = upstreams
        self._workers = workers
        self._lock = threading.Lock()
        self._active = ActiveUpstream(*start, file)

    @property
    def name(self) -> str:
        """What is fetched, for messages."""
        return f"{self._active.upstream.source.label} {self._path}"

    @property
    def upstream_url(self) -> tuple[Upstream, str]:
        """The upstream that is being asked, and the file's URL there."""
        return self._active.upstream, self._active.url

    def take(self, sharers: int) -> Part | None:
        """Take a part of the file, if there is one to take at the moment."""
        return self._active.take(sharers)

    def fetch(self, part: Part, buffer: memoryview) -> None:
        """Fetch a part that was taken; what is missing of it then is to be taken again.

        Raises:
            FetchError: No upstream has it.
            StopWorker: The file is closed, or as the workers' `sleep`.
        """
        active = self._active

        def tries() -> int:
            if self._upstreams.after(active.upstream, self._path) or not self._upstreams.last:
                return active.upstream.source.tries or TRIES_BEFORE_ANOTHER
            return PATIENT_TRIES if self._workers.counter.received else TRIES

        try:
            retrying(
                not_twice(lambda: self._attempt(active, part, buffer), self._path),
                progress=lambda: part.at,
                tries=tries,
                patience=active.upstream.client.patience,
                sleep=self._workers.sleep,
            )
        except DiskFullError as error:  # no other upstream helps
            raise DiskFullError(f"{self.name}: {error}", error.hint) from error
        except StatusError as error:
            self._leave(active, active.upstream.source.explain(error), error)
        except ContentError as error:
            self._leave(active, active.upstream.source.advise(error), error)
        except FetchError as error:
            self._upstreams.drop(active.upstream)
            self._leave(active, active.upstream.source.advise(error), error)

    def _attempt(self, active: ActiveUpstream, part: Part, buffer: memoryview) -> None:
        if not part.left:  # the fault came after it, in a response that has the whole file
            return

        def receive_checked(response: Response) -> None:
            self._check_validator(active, response)
            self.published.note(active.upstream, response)
            self.type = response.type
            if active.check(response, part):
                self._workers.wake()
            counter, end = self._workers.counter, not self._identified
            receive(response, self.file, part, buffer, counter, to_the_end=end)

        try:
            active.ask(part, self._if_range(active), receive_checked)
        except TransientError as error:
            self.file.parts.check_open()  # it was closed in the meantime: not worth a word
            self._workers.notice(error)
            raise

    def _check_validator(self, active: ActiveUpstream, response: Response) -> None:
        """Refuse a response of a file that has been replaced, as far as its ETag shows that."""
        upstream, validator = active.upstream, response.validator
        checked = self._upstreams.checks_etags(upstream, response.url)
        if checked and is_another(self._etag, response.headers):
            raise ContentError(
                f"{response.url} has another ETag than when it was listed",
                path=self._path,
            )
        if validator is None and self._strict:
            # Nothing shows that two responses are of one file: it has to come with one.
            self._responses += 1
            validator = f"response {self._responses}"
            active.avoid_ranges()
        self.validators.add((upstream, validator))

    def _if_range(self, active: ActiveUpstream) -> str | None:
        """Return what the file was called when its first bytes came, if that is known for sure."""
        known = [validator for one, validator in list(self.validators) if one is active.upstream]
        return next((name for name in known if name and not name.startswith("W/")), None)

    def _leave(self, active: ActiveUpstream, error: FetchError, cause: AimodelsError) -> None:
        """Go on with the next upstream, unless another worker has seen to that already."""
        self._upstreams.failed(active.upstream, self._path, cause)
        with self._lock:
            if self._active is not active:
                return
            error = FetchError(f"{self.name}: {error}", error.hint)
            following = self._upstreams.after(active.upstream, self._path)
            if following is None:
                raise error from cause
            say(f"{error}; asking {following[0].source.location} instead")
            self._active = ActiveUpstream(*following, self.file)
