"""The output of a run: problems on stderr, what it did on stdout, each on one line.

A hint is on the line of its error, because systemd's journal mixes the lines of several programs.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from aimodels_linker.errors import LinkError


def print_warning(line: str) -> None:
    """Print a problem that leaves the exit status at 0."""
    _print(f"warning: {line}", sys.stderr)


def print_error(error: LinkError) -> None:
    """Print an error and its hint."""
    hint = f": {error.hint}" if error.hint else ""
    _print(f"error: {error.message}{hint}", sys.stderr)


def print_result(line: str) -> None:
    """Print what was done, or would be done."""
    _print(line, sys.stdout)


def _print(line: str, stream: TextIO | None) -> None:
    """Print one line, whatever characters are in it, even if nobody reads the stream."""
    if stream is None:  # it was closed before we started
        return
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    encoding = stream.encoding or "ascii"
    with contextlib.suppress(OSError):
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
