"""What the fetcher reports, in whole lines on stderr: Nix shows and keeps them as the build log."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aimodels_fetcher.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


_sinks: list[Callable[[str], None]] = [_to_stderr]


def say(line: str) -> None:
    """Print a line at once; lines of several threads do not mix.

    Some of it comes from servers: what a terminal would take for more than text is escaped, and
    secrets are masked.
    """
    line = redacted(line)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    _sinks[-1](text)


@contextmanager
def redirected(sink: Callable[[str], None]) -> Iterator[None]:
    """Pass the lines of all threads to `sink` in the meantime, already made printable."""
    _sinks.append(sink)
    try:
        yield
    finally:
        _sinks.remove(sink)
