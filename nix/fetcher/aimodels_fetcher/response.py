"""The body of an HTTP response, read from its socket straight into the reader's buffer."""

from __future__ import annotations

import http.client
import re
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.coding import ENCODINGS, CodedBody
from aimodels_fetcher.deadlines import deadline
from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.http_errors import sorted_fault
from aimodels_fetcher.links import next_page
from aimodels_fetcher.retry import SLOWEST
from aimodels_fetcher.urls import public
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_fetcher.connections import Answer

_WINDOW_SECONDS = 20.0
_PIECE = 16 << 10  # bytes
_PIECES_TO_DISCARD = 4
_SECONDS_TO_DISCARD = 5.0
_PARTIAL_CONTENT = 206


class Response:
    """A 200 or a 206. Read it to its end, and its connection serves another request.

    Args:
        answer: Its body has not been read.

    Attributes:
        url: Where the answer came from, without its query.
        headers: All of them; names are case-insensitive.
        redirects: Headers of the redirects that led to it.
        total: Size of the whole file in bytes, or None where the answer does not say.
        watch: Called with what has been read of the body, where something is to be told of it.
    """

    def __init__(self, answer: Answer) -> None:
        headers = answer.headers
        self.url = public(answer.url)
        self.headers = headers
        self.redirects = answer.redirects
        self.watch: Callable[[memoryview], object] | None = None
        self.type = headers.get("Content-Type", "an unnamed type").partition(";")[0]
        self.validator = headers.get("ETag") or headers.get("Last-Modified")
        self.encoding = headers.get("Content-Encoding", "identity").lower()
        self.partial = answer.status == _PARTIAL_CONTENT
        self._answer = answer
        self._http = answer.body
        self._left = self._http.length
        self._plain = self.encoding == "identity" and not self._http.chunked
        self._body = CodedBody(self.encoding, self._http.read1)
        self._broken = False
        self._window_start = time.monotonic()
        self._window_bytes = 0
        self.start: int | None = 0
        self.total = self._left if self._plain else None
        if self.partial:
            sent = re.fullmatch(
                r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18}|\*)",
                headers.get("Content-Range", "").strip(),
            )
            self.start = int(sent[1]) if sent else None
            self.total = int(sent[2]) if sent and sent[2] != "*" else None

    def readinto(self, buffer: memoryview) -> int:
        """Fill the beginning of a buffer with what has arrived, waiting for at least one byte.

        Returns:
            The number of bytes; 0 at the end of the body, also where that comes too early.

        Raises:
            TransientError: The connection broke, stands still, or is next to standing still.
        """
        try:
            count = self._read_plain(buffer) if self._plain else self._read_coded(buffer)
        except (OSError, http.client.HTTPException, zlib.error) as error:
            self._broken = True
            raise sorted_fault(self.url, error, crowded=False) from error
        if self.watch:
            self.watch(buffer[:count])
        self._window_bytes += count
        seconds = time.monotonic() - self._window_start
        if seconds > _WINDOW_SECONDS:
            if self._window_bytes < SLOWEST * seconds:
                raise TransientError(
                    f"{self.url}: only {counted(self._window_bytes, 'byte')} in {seconds:.0f} s"
                )
            self._window_bytes, self._window_start = 0, time.monotonic()
        return count

    @property
    def capped(self) -> bool:
        """Whether the body has reached the length that its header gave."""
        return self._left == 0

    @property
    def ended_early(self) -> bool:
        """Whether less of the body has come than the length that its header gave."""
        return self._plain and bool(self._left)

    @property
    def ended(self) -> bool:
        """Whether a body without a length is over, once nothing more can be read of it."""
        return self._left is None and (self._plain or self._http.isclosed())

    @property
    def next_page(self) -> str | None:
        """URL of the next page of a listing, possibly relative."""
        return next_page(self.headers.get("Link", ""))

    def discard(self) -> bytes:
        """Read a body that is not content, if it is short: a connection is worth more than that.

        Returns:
            What was read.
        """
        buffer = memoryview(bytearray(_PIECE))
        body = b""
        with (
            deadline(self._http.sock, _SECONDS_TO_DISCARD),
            suppress(TransientError, FetchError),
        ):
            for _ in range(_PIECES_TO_DISCARD):
                count = self.readinto(buffer)
                if not count:
                    break
                body += buffer[:count]
        self.close()
        return body

    def close(self) -> None:
        """Release the connection: it is used again if nothing of the body is left on it."""
        over = self._left == 0 or self._http.isclosed()
        self._answer.release(whole=over and not self._broken)

    def _read_plain(self, buffer: memoryview) -> int:
        if self._left == 0 or self._http.isclosed():
            return 0
        # Not HTTPResponse.readinto, which waits until the buffer is full: for hours, maybe.
        count = self._http.fp.readinto1(buffer if self._left is None else buffer[: self._left])
        if self._left is not None:
            self._left -= count
        return count

    def _read_coded(self, buffer: memoryview) -> int:
        """Read a body that has more than its bytes: sizes of chunks, trailers, blocks of a code.

        None of that may take longer than a single read, whatever its pieces are.
        """
        if self.encoding not in ENCODINGS:
            raise TransientError(
                f"{self.url} is encoded as {self.encoding!r}, which was not asked for",
                hint="check the endpoint and the proxy settings: a proxy may alter what is sent",
            )
        with deadline(self._http.sock, self._http.read_seconds) as reading:
            try:
                return self._body.readinto(buffer)
            finally:
                if reading.passed:
                    raise TimeoutError(f"no piece of the body in {self._http.read_seconds:.0f} s")
