"""Where an answer begins and ends: http.client's reader, held to RFC 9112.

http.client is lenient. It takes a head that was cut off for a whole one, whatever `int` takes
(`-5`, `1_0`) for the size of a chunk, the first of several lengths for the right one, and an
interim answer other than `100 Continue` for the final one. Each of that may make other bytes of an
answer than the server has sent.
"""

from __future__ import annotations

import http.client
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar, overload

from aimodels_fetcher.deadlines import Deadline

if TYPE_CHECKING:
    import socket
    from io import BufferedReader

T = TypeVar("T")

_MOST_INTERIM = 16  # answers before the answer
_MOST_TRAILERS = 100
_LONGEST_LINE = 4096  # bytes, of a chunk's size with its extensions, or of a trailer
_MOST_HEADERS = 100
_LONGEST_HEADER = 65536  # bytes
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_BLANK = (b"\r\n", b"\n")
_HEADER = re.compile(r"([!-9;-~]+):([^\r\n\0]*)\r?\n")
_LENGTH = re.compile("[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


class Headers(dict[str, str]):
    """Headers by their names in lower case; they are looked up in any case.

    Values of several headers with one name are joined by commas (RFC 9110, 5.3).
    """

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: T, /) -> str | T: ...
    def get(self, name: str, default: object = None, /) -> object:
        """Return the value of a header, or `default` where the header is absent."""
        return super().get(name.lower(), default)


def read_headers(stream: BufferedReader) -> Headers:
    """Read the lines of a head after the first one (RFC 9112, 5).

    Raises:
        HTTPException: They are not headers, are too many, or do not end.
    """
    headers: dict[str, str] = {}
    name = ""
    for _ in range(_MOST_HEADERS + 1):
        line = stream.readline(_LONGEST_HEADER + 1)
        if line in _BLANK:
            return Headers(headers)
        if not line.endswith(b"\n"):
            what = "a header is too long" if line else "the connection ended in the head"
            raise http.client.HTTPException(what)
        if line[0] in b" \t" and name:  # it goes on with the line before it
            headers[name] += f" {line.decode('latin-1').strip()}"
            continue
        header = _HEADER.fullmatch(line.decode("latin-1"))
        if not header:
            raise http.client.HTTPException("a line of the head is not a header")
        name, value = header[1].lower(), header[2].strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raise http.client.HTTPException(f"more than {_MOST_HEADERS} headers")


class StrictResponse(http.client.HTTPResponse):
    """An answer that is what RFC 9112 says, and whose head comes as fast as a single read has to.

    Args:
        sock: Where the answer comes from.
        method: What was asked for: the answer to HEAD has no body.

    Attributes:
        headers: All of them.
        sock: Where the answer comes from.
        read_seconds: What a single read may take; None for ever.
    """

    headers: Headers  # type: ignore[assignment]  # http.client's own are messages

    def __init__(self, sock: socket.socket, method: str) -> None:
        super().__init__(sock, method=method)
        self._asked = method
        self.sock = sock
        self.read_seconds = sock.gettimeout()
        self._head = Deadline(sock, self.read_seconds)
        self._head.start()

    def begin(self) -> None:
        """Read the head; when the time is over, the connection ends under the reader's hands.

        Raises:
            HTTPException, OSError: It is not a whole one, or says different things about the body.
        """
        try:
            self._read_head()
        except (OSError, http.client.HTTPException):
            if not self._head.passed:
                raise
        finally:
            self._head.stop()
        if self._head.passed:
            raise TimeoutError(f"no whole head in {self.read_seconds:.0f} s")

    def close(self) -> None:
        """Close it, and end the wait for its head."""
        self._head.stop()
        super().close()

    def _read_head(self) -> None:
        version, self.code, self.reason = self._read_status()
        self.status = self.code
        self.version = 10 if version in {"HTTP/1.0", "HTTP/0.9"} else 11
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise http.client.UnknownProtocol(version)
        self.headers = read_headers(self.fp)
        coding = self.headers.get("Transfer-Encoding", "")
        self.chunked = coding.lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()  # type: ignore[attr-defined]
        self.length = None
        if self._asked == "HEAD" or self.status in _WITHOUT_BODY:
            self.length = 0
        elif not self.chunked:
            self.length = self._length(coding)
            self.will_close |= self.length is None

    def _length(self, coding: str) -> int | None:
        """Return the bytes of the body, None if it ends with the connection.

        Its end may be said in one way only (RFC 9112, 6.3), and in none that is unknown.
        """
        if coding:
            raise http.client.HTTPException(f"transfer coding {coding!r}")
        field = self.headers.get("Content-Length")
        if field is None:
            return None
        lengths = {length.strip() for length in field.split(",")}
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length):
            raise http.client.HTTPException(f"Content-Length {field!r}")
        return int(length)

    def _read_status(self) -> tuple[str, int, str]:
        """Read the status line of the final answer (RFC 9110, 15.2)."""
        for _ in range(_MOST_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= HTTPStatus.OK:
                return version, status, reason
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("another protocol than HTTP/1.1 follows")
            read_headers(self.fp)
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
            if self.fp.readline(_LONGEST_LINE) in _BLANK:
                return
        raise http.client.HTTPException(f"no end after {_MOST_TRAILERS} trailers")
