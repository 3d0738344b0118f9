"""Writing the body of a response into a file: a part of it, or all that is missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import TransientError
from aimodels_fetcher.parts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.response import Response

_FLUSH_SECONDS = 1.0


def receive(
    response: Response,
    file: PartialFile,
    part: Part,
    buffer: memoryview,
    count: Callable[[int], None],
) -> None:
    """Write what the body has of what is missing: of the part, or of the file if it is whole.

    Args:
        response: Its body has not been read.
        file: Where to write.
        part: A part of the file, which was asked for.
        buffer: Memory to read into.
        count: Called with numbers of bytes that were written.

    Raises:
        TransientError: The body ended early, or its connection broke.
        DiskFullError, StopWorker: As `PartialFile.write`.
    """
    others = [] if response.partial else file.parts.take_all()
    position = response.start or 0
    try:
        for wanted in sorted((part, *others), key=lambda part: part.at):
            if not wanted.left:  # the size has become known, and it is behind
                break
            _skip(response, wanted.at - position, buffer)
            _fill(response, file, wanted, buffer, count)
            position = wanted.end
    finally:
        file.give_back(others)


def _skip(response: Response, count: int, buffer: memoryview) -> None:
    while count > 0:
        got = response.readinto(buffer[:count])
        if not got:
            raise TransientError(f"{response.url}: the connection ended early")
        count -= got


def _fill(
    response: Response,
    file: PartialFile,
    part: Part,
    buffer: memoryview,
    count: Callable[[int], None],
) -> None:
    start = part.at
    filled, flushed = 0, time.monotonic()
    try:
        while (room := min(len(buffer), part.left) - filled) > 0:
            got = response.readinto(buffer[filled : filled + room])
            filled += got
            now = time.monotonic()
            if got == room or not got or now - flushed > _FLUSH_SECONDS:
                data, filled, flushed = buffer[:filled], 0, now
                count(file.write(part, data))
            if not got:
                break
    finally:
        if filled:
            count(file.write(part, buffer[:filled]))
    if part.left and file.parts.size == UNKNOWN:
        file.set_size(part.at)
    # Some servers send less than was asked for at a time: there is nothing wrong with that.
    elif part.left and (part.at == start or not response.capped):
        raise TransientError(
            f"{response.url}: the connection ended after {part.at} of {file.parts.size} bytes"
        )
