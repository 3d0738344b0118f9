"""Cyclic redundancy checks, with the interface of hashlib."""

from __future__ import annotations

import zlib
from functools import lru_cache

SLOW = {"crc32c": (32, 0x82F63B78), "crc64nvme": (64, 0x9A6C9329AC4BC9B5)}
"""Bits and reflected polynomial of those that Python computes byte by byte.

CRC-32C is in RFC 3720, appendix B.4, and CRC-64/NVME in the NVM Express Command Set Specification.
"""

SLOW_LIMIT = 1 << 20
"""Bytes of the largest content that these are computed of: a tenth of a second."""


class Crc32:
    """zlib's CRC-32."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        """Add the next bytes."""
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        """Return the check of all bytes so far in hex."""
        return f"{self._value:08x}"


class SlowCrc:
    """One of `SLOW`."""

    def __init__(self, name: str) -> None:
        self._bits, polynomial = SLOW[name]
        self._table = _table(polynomial)
        self._value = self._ones = (1 << self._bits) - 1
        self._size = 0

    def update(self, data: bytes | memoryview, /) -> None:
        """Add the next bytes."""
        self._size += len(data)
        if self._size > SLOW_LIMIT:
            return
        value, table = self._value, self._table
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ value >> 8
        self._value = value

    def hexdigest(self) -> str:
        """Return the check of all bytes so far in hex, "" of content that is too large for it."""
        too_large = self._size > SLOW_LIMIT
        return "" if too_large else f"{self._value ^ self._ones:0{self._bits // 4}x}"


@lru_cache(maxsize=len(SLOW))
def _table(polynomial: int) -> tuple[int, ...]:
    """Return the checks of all bytes."""

    def check(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ polynomial * (value & 1)
        return value

    return tuple(map(check, range(256)))
