"""What is found out about an upstream while it is asked for the parts of one file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.body import size_error
from aimodels_fetcher.errors import StatusError, TransientError
from aimodels_fetcher.http_client import ResolvedUrl
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.response import Response
    from aimodels_fetcher.upstreams import Upstream

_BAD_RANGES = 2  # responses, before a server is no longer asked for ranges
_RANGE_NOT_SATISFIABLE = 416


class ActiveUpstream:
    """An upstream that is being asked for the parts of one file.

    One worker finds out whether it answers with ranges, before others join it. Of a server without
    them, one worker takes the whole file.

    Args:
        upstream: Who is asked.
        url: The file's URL there.
        file: Where its content is written.
    """

    def __init__(self, upstream: Upstream, url: str, file: PartialFile) -> None:
        self.upstream = upstream
        self.url = url
        self._file = file
        self._resolved = ResolvedUrl(url)
        self._lock = threading.Lock()
        self._answered = False
        self._alone = False
        self._plain = False
        self._bad_ranges = 0

    def take(self, sharers: int) -> Part | None:
        """Take a part of the file, if there is one to take at the moment."""
        with self._lock:
            if self._file.parts.sharers and (self._alone or not self._answered):
                return None
            return self._file.parts.take(None if self._alone else sharers)

    def ask(self, part: Part, if_range: str | None, receive: Callable[[Response], None]) -> None:
        """Ask for a part, and pass the response on; its body may be the whole file.

        Args:
            part: What is missing.
            if_range: The ETag or date of what is there already, or None.
            receive: Called with the response.

        Raises:
            TransientError: Worth another try.
            StatusError, FetchError: As `Source.content`.
            StopWorker: The file is closed.
        """
        self._file.parts.check_open()
        everything = part.at == 0 and part.end == self._file.parts.size
        wanted = None if everything or self._plain else (part.at, part.end)
        try:
            source, client = self.upstream.source, self.upstream.client
            with source.content(client, self._resolved, wanted, if_range) as response:
                receive(response)
        except StatusError as error:
            if error.status == _RANGE_NOT_SATISFIABLE and wanted:
                raise self._bad_range(str(error)) from error
            raise

    def check(self, response: Response, part: Part) -> bool:
        """Refuse a response that is of another file, or of another part than was asked for.

        Returns:
            Whether it has shown something that lets other workers join, or keeps them away.
        """
        if response.partial and (response.start != part.at or response.encoding != "identity"):
            raise self._bad_range(f"{response.url} sent another range than asked for")
        size = self._file.parts.size
        if size == UNKNOWN and response.total is not None:
            self._check_room(response.url, response.total)
            self._file.set_size(response.total)
        elif response.total not in {None, size}:
            raise size_error(size, response, response.total or 0)
        elif size == UNKNOWN and response.partial:
            raise self._bad_range(f"{response.url} sent a range of a file of unknown size")
        with self._lock:
            news = not self._answered or not response.partial
            self._alone |= not response.partial
            self._answered = True
        return news

    def avoid_ranges(self) -> None:
        """From now on, ask for the whole file at once."""
        self._plain = self._alone = True

    def _check_room(self, url: str, size: int) -> None:
        free = self._file.target.room()
        if free is not None and size > free:
            raise TransientError(
                f"the disk is full: {self._file.target.directory} has {bytes_text(free)} free, but "
                f"{url} has {bytes_text(size)}",
                hint="free some space (nix-collect-garbage -d), then try again",
            )

    def _bad_range(self, what: str) -> TransientError:
        self._bad_ranges += 1
        if self._bad_ranges >= _BAD_RANGES:
            self.avoid_ranges()
        return TransientError(what)
