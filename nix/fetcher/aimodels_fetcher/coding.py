"""Bodies that are coded on their way (RFC 9110, 8.4), which nobody asked for."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate"})
"""Those that a `CodedBody` can have."""

_PIECE = 16 << 10  # bytes
_ZLIB_OR_GZIP = 47  # zlib.decompressobj: 15 bits of window, and take either header


class CodedBody:
    """A body that is decoded piece by piece: a few bytes may stand for very many.

    Args:
        encoding: One of ENCODINGS.
        read: Returns the next bytes, at most so many; none at the end.
    """

    def __init__(self, encoding: str, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._decoder = None if encoding == "identity" else zlib.decompressobj(_ZLIB_OR_GZIP)
        self._coded = b""  # has arrived, and is not decoded yet
        self._pending = memoryview(b"")  # is decoded, and not taken yet

    def readinto(self, buffer: memoryview) -> int:
        """Fill the beginning of a buffer; return the number of bytes, 0 at the end.

        Raises:
            zlib.error: It is not what it should be.
            ConnectionError: It ends early.
        """
        while not self._pending:
            self._coded = self._coded or self._read(_PIECE)
            if not self._coded:
                if self._decoder and not self._decoder.eof:
                    raise ConnectionError("the connection ended early")
                return 0
            self._pending = memoryview(self._decoded())
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def _decoded(self) -> bytes:
        coded, self._coded = self._coded, b""
        if not self._decoder:
            return coded
        if self._decoder.eof:  # another member follows (RFC 1952, 2.2)
            self._decoder = zlib.decompressobj(_ZLIB_OR_GZIP)
        data = self._decoder.decompress(coded, _PIECE)
        self._coded = self._decoder.unconsumed_tail or self._decoder.unused_data
        return data
