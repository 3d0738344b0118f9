"""Standard error as it is: perhaps closed, perhaps a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

ERASE = "\r\x1b[K"
_DUMB = {"dumb", "unknown"}  # terminals on which nothing can be written over


def can_write_over() -> bool:
    """Return whether messages go to a terminal on which a line can be written over."""
    return is_terminal() and os.environ.get("TERM", "").lower() not in _DUMB


def is_terminal() -> bool:
    """Return whether a person reads it."""
    return sys.stderr is not None and sys.stderr.isatty()


def write(text: str) -> None:
    """Write to stderr, if there is one that anybody reads."""
    # Python has none where the shell has closed it.
    with suppress(OSError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
