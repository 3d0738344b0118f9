"""What the linker says: problems on stderr, what it has done on stdout."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def warn(line: str) -> None:
    """Print what a person should know, and what does not keep the rest from being done."""
    _print(f"warning: {line}", sys.stderr)


def fail(line: str) -> None:
    """Print what has not been done."""
    _print(f"error: {line}", sys.stderr)


def tell(line: str) -> None:
    """Print what has been done, or would be."""
    _print(line, sys.stdout)


def _print(line: str, stream: TextIO | None) -> None:
    """Print one line, whatever the names in it are made of; nobody has to listen."""
    if stream is None:  # it was closed before we started
        return
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    encoding = stream.encoding or "ascii"
    with contextlib.suppress(OSError):
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
