"""Where output goes: results to stdout, whole; words for the reader to stderr, in plain text."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aimodels_fetcher.redaction import redacted
from aimodels_gen.cli.stderr import ERASE, can_write_over, is_terminal, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aimodels_gen.amounts import Amount
    from aimodels_gen.cli.live import Live

_LINE_SECONDS = 10.0
# What the fetcher says before it waits for a server.
_WAIT = re.compile(r"(?:rate limited by \S+; )?waiting ((?:[0-9]+ (?:h|min|s)\b ?)+)")
_PART = re.compile(r"([0-9]+) (h|min|s)")
_UNITS = {"h": 3600, "min": 60, "s": 1}


class Console:
    """The sink for what a command has to say.

    `quiet` leaves only warnings, errors and results. What is under way is written over, and shown
    only on a terminal.

    Attributes:
        verbose: whether to print more than a summary.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        """Look at stderr once."""
        self.verbose = verbose
        self._quiet = quiet
        self._draws = not quiet and can_write_over()
        self._live: Live | None = None
        self._shows = False
        self._lock = threading.Lock()
        self._next_line: float | None = None

    @property
    def width(self) -> int | None:
        """Return the width of the terminal, None if nothing is written to one."""
        return shutil.get_terminal_size().columns if is_terminal() else None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Show what is under way in the meantime; what threads say later is not shown."""
        self._shows = True
        try:
            yield
        finally:
            with self._lock:
                self._shows = False
                if self._live:
                    self._live.clear()

    def status(self, what: str | Amount) -> None:
        """Show what is under way."""
        if not self._draws:
            return
        with self._lock:
            if self._shows:
                self._live = self._live or _live()
                self._live.show(what)

    def progress(self, what: str | Amount) -> None:
        """Show how far it is; without a terminal, as a line every few seconds."""
        if self._draws:
            self.status(what)
            return
        now = time.monotonic()
        if self._next_line is not None and now >= self._next_line:
            self.note(str(what))
        if self._next_line is None or now >= self._next_line:
            self._next_line = now + _LINE_SECONDS

    def note(self, text: str) -> None:
        """Print a line that a quiet run leaves out."""
        if not self._quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        """Print a line that the reader should act on, or that tells why nothing happens."""
        self._print(f"warning: {text}")
        if self._live and (wait := _WAIT.match(text)):
            self._live.count_down(sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(wait[1])))

    def _print(self, line: str) -> None:
        if self._live:
            self._live.print(line)
        else:
            write(f"{plain(line)}\n")


def _live() -> Live:
    from aimodels_gen.cli.live import Live  # noqa: PLC0415 - rich is slow to import

    return Live(plain)


def complain(kind: str, text: str) -> None:
    """Write `kind: text` to stderr as one line."""
    erase = ERASE if can_write_over() else ""
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
