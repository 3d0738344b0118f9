"""Where output goes: results to stdout, whole; words for the reader to stderr, in plain text."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.redaction import redacted
from aimodels_gen.columns import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

_ERASE = "\r\x1b[K"
_LINE_SECONDS = 10.0


class Console:
    """The sink for what a command has to say.

    `quiet` leaves only warnings, errors and results. The live status is a single line that is
    written over, and only on a terminal.

    Attributes:
        verbose: whether to print more than a summary.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        """Look at stderr once."""
        self.verbose = verbose
        self._quiet = quiet
        self._live = not quiet and _is_terminal()
        self._next_line: float | None = None

    @property
    def width(self) -> int | None:
        """Return the width of the terminal, None if nothing is written to one."""
        return shutil.get_terminal_size().columns if _is_terminal() else None

    def status(self, text: str) -> None:
        """Show what is under way."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            write(_ERASE + cut(plain(text), width))

    def progress(self, text: str) -> None:
        """Show how far it is; without a terminal, as a line every few seconds."""
        if self._live:
            self.status(text)
            return
        now = time.monotonic()
        if self._next_line is not None and now >= self._next_line:
            self.note(text)
        if self._next_line is None or now >= self._next_line:
            self._next_line = now + _LINE_SECONDS

    def done(self) -> None:
        """Remove the status."""
        if self._live:
            write(_ERASE)

    def note(self, text: str) -> None:
        """Print a line that a quiet run leaves out."""
        if not self._quiet:
            self.done()
            write(plain(text) + "\n")

    def warn(self, text: str) -> None:
        """Print a line that the reader should act on."""
        self.done()
        complain("warning", text)


def complain(kind: str, text: str) -> None:
    """Write `kind: text` to stderr as one line."""
    erase = _ERASE if _is_terminal() else ""
    write(f"{erase}{kind}: {plain(text)}\n")


def result(text: str) -> None:
    """Write a result to stdout, as UTF-8 whatever the locale.

    Raises:
        OSError: stdout is full or closed.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    try:
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = "standard output"
        # What is left in the buffer would be tried, and fail, again when Python exits.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, for its descriptor
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise


def plain(text: str) -> str:
    """Return text in which nothing that a server said can steer the terminal or add lines.

    Nor does it show a secret that the server repeats.
    """
    return _printable(redacted(text))


def plain_cells(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the same of many texts at once: to look for secrets takes its time."""
    between = "\x00"
    cells = [cell.replace(between, "?") for row in rows for cell in row]
    clean = iter(redacted(between.join(cells)).split(between))
    return [[_printable(next(clean)) for _ in row] for row in rows]


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def write(text: str) -> None:
    """Write to stderr, if there is one that anybody reads."""
    # Python has none where the shell has closed it.
    with suppress(OSError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
