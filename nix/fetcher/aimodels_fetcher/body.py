"""Writing the body of a response into a file: a part of it, or all that is missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import UPDATE, SizeError, TransientError
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.progress import ByteCounter
    from aimodels_fetcher.response import Response

_FLUSH_SECONDS = 1.0
_OTHER_SIZE = (
    f"if the file has changed upstream, {UPDATE}; otherwise look at the address in a browser: a "
    "proxy or a login page may be in the way"
)


def receive(  # noqa: PLR0913 (what comes from where, and what goes where)
    response: Response,
    file: PartialFile,
    part: Part,
    buffer: memoryview,
    counter: ByteCounter,
    *,
    to_the_end: bool = False,
) -> None:
    """Write what the body has of what is missing: of the part, or of the file if it is whole.

    Args:
        response: Its body has not been read.
        file: Where to write.
        part: A part of the file, which was asked for.
        buffer: Memory to read into.
        counter: Counts the bytes that were written.
        to_the_end: Whether a body that has the whole file must end with it, because nothing else
            shows that the file is whole.

    Raises:
        TransientError: The body ended early, or its connection broke.
        SizeError: The body goes on after the end of the file, or ends before it.
        DiskFullError, StopWorker: As `PartialFile.write`.
    """
    others = [] if response.partial else file.parts.take_all()
    position = response.start or 0
    try:
        for wanted in sorted((part, *others), key=lambda part: part.at):
            if not wanted.left:  # the size has become known, and it is behind
                break
            _skip(response, wanted.at - position, buffer)
            end = to_the_end and not response.partial
            _fill(response, file, wanted, buffer, counter, to_the_end=end)
            position = wanted.end
    finally:
        file.give_back(others)


def _skip(response: Response, count: int, buffer: memoryview) -> None:
    while count > 0:
        got = response.readinto(buffer[:count])
        if not got:
            raise TransientError(f"{response.url}: the connection ended early")
        count -= got


def _fill(  # noqa: PLR0913 (as above)
    response: Response,
    file: PartialFile,
    part: Part,
    buffer: memoryview,
    counter: ByteCounter,
    *,
    to_the_end: bool,
) -> None:
    start = part.at
    filled, flushed = 0, time.monotonic()
    try:
        while (room := min(len(buffer), part.left) - filled) > 0:
            got = response.readinto(buffer[filled : filled + room])
            filled += got
            if to_the_end and part.at + filled == file.parts.size:
                # Before the last bytes are written: with them the file is whole for others.
                held, filled = filled, 0
                _check_end(response, file.parts.size)
                filled = held
            now = time.monotonic()
            if got == room or not got or now - flushed > _FLUSH_SECONDS:
                data, filled, flushed = buffer[:filled], 0, now
                counter.add(file.write(part, data), queued=got == len(buffer))
            if not got:
                break
    finally:
        if filled:
            counter.add(file.write(part, buffer[:filled]))
    if part.left and file.parts.size == UNKNOWN:
        file.set_size(part.at)
    elif part.left and part.at and response.ended and not response.partial:
        # Or the connection broke: then it will not end there again.
        raise size_error(file.parts.size, response, part.at)
    # Some servers send less than was asked for at a time: there is nothing wrong with that.
    elif part.left and (part.at == start or not response.capped):
        raise TransientError(
            f"{response.url}: the connection ended after {part.at} of "
            f"{counted(file.parts.size, 'byte')}"
        )


def _check_end(response: Response, size: int) -> None:
    """Refuse a body that goes on after the end of the file: it may have no end."""
    if not response.capped and response.readinto(memoryview(bytearray(1))):
        raise SizeError(
            f"expected {counted(size, 'byte')}, but {response.url} sends more ({response.type})",
            _OTHER_SIZE,
            received=size + 1,
        )


def size_error(size: int, response: Response, received: int) -> SizeError:
    """Return the error for an answer that has another number of bytes than the file."""
    return SizeError(
        f"expected {counted(size, 'byte')}, but {response.url} has {received} ({response.type})",
        _OTHER_SIZE,
        received=received,
    )
