"""What the fetcher reports, in whole lines.

The program prints them on stderr, which Nix shows and keeps as the build log. For a program that
imports the fetcher, they go where it says, and nowhere before and after: threads that wait for a
server may end later than its commands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aimodels_fetcher.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator


Sink = Callable[[str], None]


def to_stderr(line: str) -> None:
    """Print a line that is printable already."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _nowhere(_: str) -> None:
    pass


_sinks: list[tuple[Sink, Sink]] = [(_nowhere, _nowhere)]


def say(line: str) -> None:
    """Report a line at once; lines of several threads do not mix.

    Some of it comes from servers: what a terminal would take for more than text is escaped, and
    secrets are masked.
    """
    _sinks[-1][0](_printable(line))


def warn(line: str) -> None:
    """Report a line that tells why nothing happens for a while, also where others are left out."""
    _sinks[-1][1](_printable(line))


@contextmanager
def redirected(said: Sink, warned: Sink | None = None) -> Iterator[None]:
    """Pass the lines of all threads on in the meantime, already made printable.

    Args:
        said: Takes those of `say`.
        warned: Takes those of `warn`; None for whoever takes them now.
    """
    sinks = (said, warned or _sinks[-1][1])
    _sinks.append(sinks)
    try:
        yield
    finally:
        _sinks.remove(sinks)


def _printable(line: str) -> str:
    line = redacted(line)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
