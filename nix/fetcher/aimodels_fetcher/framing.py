"""Where an answer begins and ends: http.client's reader, held to RFC 9112.

http.client is lenient. It takes a head that was cut off for a whole one, whatever `int` takes
(`-5`, `1_0`) for the size of a chunk, the first of several lengths for the right one, and an
interim answer other than `100 Continue` for the final one. Each of that may make other bytes of an
answer than the server has sent.
"""

from __future__ import annotations

import email.errors
import http.client
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from aimodels_fetcher.deadlines import Deadline

if TYPE_CHECKING:
    import socket
    from io import BufferedReader

_MOST_INTERIM = 16  # answers before the answer
_MOST_TRAILERS = 100
_LONGEST_LINE = 4096  # bytes, of a chunk's size with its extensions, or of a trailer
# The lines after such a one would not be taken for headers, whatever they say.
_HEAD_DEFECTS = (
    email.errors.MissingHeaderBodySeparatorDefect,
    email.errors.FirstHeaderLineIsContinuationDefect,
)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


class _Lines:
    """A stream that remembers the line that was read last."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, most: int = -1) -> bytes:
        self.last = self._stream.readline(most)
        return self.last

    def close(self) -> None:
        self._stream.close()


class StrictResponse(http.client.HTTPResponse):
    """An answer that is what RFC 9112 says, and whose head comes as fast as a single read has to.

    Attributes:
        sock: Where the answer comes from.
        read_seconds: What a single read may take; None for ever.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (http.client's business)
        super().__init__(sock, *args, **kwargs)
        self.sock = sock
        self.read_seconds = sock.gettimeout()
        # From here on, because http.client reads a proxy's answer to CONNECT without `begin`.
        self._head = Deadline(sock, self.read_seconds)
        self._head.start()

    def begin(self) -> None:
        """Read the head; when the time is over, the connection ends under the reader's hands.

        Raises:
            HTTPException, OSError: It is not a whole one, or says different things about the body.
        """
        stream = self.fp
        lines = _Lines(stream)
        self.fp = cast("BufferedReader", lines)  # reading a head takes no more than lines
        try:
            super().begin()
        finally:
            self._head.stop()
            if not self.isclosed():
                self.fp = stream
        if self._head.passed:
            raise TimeoutError(f"no whole head in {self.read_seconds:.0f} s")
        if not lines.last:
            raise http.client.HTTPException("the connection ended in the head")
        if any(isinstance(defect, _HEAD_DEFECTS) for defect in self.headers.defects):
            raise http.client.HTTPException("a line of the head is not a header")
        if self.length != 0:
            self._check_framing()

    def close(self) -> None:
        """Close it, and end the wait for its head."""
        self._head.stop()
        super().close()

    def _check_framing(self) -> None:
        """Refuse a body whose end is said in several ways (RFC 9112, 6.3), or in an unknown one."""
        coding = self.headers.get("Transfer-Encoding", "")
        if coding and not self.chunked:
            raise http.client.HTTPException(f"transfer coding {coding!r}")
        fields = self.headers.get_all("Content-Length") or ()
        lengths = {length.strip() for field in fields for length in field.split(",")}
        if not self.chunked and (len(lengths) > 1 or not all(map(str.isdecimal, lengths))):
            raise http.client.HTTPException(f"Content-Length {', '.join(sorted(lengths))!r}")

    def _read_status(self) -> tuple[str, int, str]:
        """Read the status line of the final answer (RFC 9110, 15.2)."""
        for _ in range(_MOST_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= HTTPStatus.OK:
                return version, status, reason
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("another protocol than HTTP/1.1 follows")
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {_MOST_INTERIM} interim answers")

    def _read_next_chunk_size(self) -> int:
        """Read the line before a chunk (RFC 9112, 7.1)."""
        line = self.fp.readline(_LONGEST_LINE)
        size = _CHUNK_SIZE.fullmatch(line)
        if not size:
            raise http.client.HTTPException(f"{line[:20]!r} in the place of a chunk's size")
        return int(size[1], 16)

    def _read_and_discard_trailer(self) -> None:
        """Read the lines after the last chunk (RFC 9112, 7.1.2)."""
        for _ in range(_MOST_TRAILERS):
            if self.fp.readline(_LONGEST_LINE) in {b"\r\n", b"\n"}:
                return
        raise http.client.HTTPException(f"no end after {_MOST_TRAILERS} trailers")
