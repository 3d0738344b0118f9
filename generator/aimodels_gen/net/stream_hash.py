"""Reading content to hash it: all of it, once, whatever the network does in between."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from aimodels_gen.net.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CHUNK = 1 << 16
"""How many bytes to ask for at a time: as many are lost when a connection breaks."""

_TRIES = 5  # without a byte in between


def sha256_of(
    read_from: Callable[[int], tuple[int, Iterable[bytes]]],
    transient: tuple[type[Exception], ...],
    arrived: Callable[[int], None],
) -> tuple[str, int]:
    """Return the sha256, in hex, and the size in bytes of content that is read as it comes.

    Args:
        read_from: asks for the content from a byte on, and returns what it gets: the byte that
            it begins with, which is that one or 0, and its pieces. It raises if the content has
            become another.
        transient: what it, or the reading, raises where asking for the rest is worth it.
        arrived: gets the number of bytes of each piece.

    Raises:
        Exception: whatever it raised last.
    """
    hasher, seen, failures = hashlib.sha256(), 0, 0
    while True:
        before = seen
        try:
            start, pieces = read_from(seen)
            if start != seen:
                hasher, seen = hashlib.sha256(), 0
            for piece in pieces:
                hasher.update(piece)
                seen += len(piece)
                arrived(len(piece))
        except transient:
            failures = 1 if seen > before else failures + 1
            if failures == _TRIES:
                raise
            time.sleep(backoff(failures))
        else:
            return hasher.hexdigest(), seen
