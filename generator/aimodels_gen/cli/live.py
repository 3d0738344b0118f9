"""What is written over on a terminal: how far a command is, with a bar where bytes are counted."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import threading
import time
from contextlib import suppress

from aimodels_fetcher.wording import bytes_text, duration_text
from aimodels_gen.columns import cut, width_of
from aimodels_gen.lock.progress import clock_text

ERASE = "\r\x1b[K"
_UP = "\x1b[A\x1b[K"
# As `share_text` and others write it: `1.1 of 1.2 GiB`, `609 B of 2.0 KiB`.
_UNITS = {unit: 1 << 10 * number for number, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))}
_UNIT = "|".join(_UNITS)
_SHARE = re.compile(
    rf"(?<!\S)([0-9]+(?:\.[0-9])?)(?: ({_UNIT}))? of ([0-9]+(?:\.[0-9])?) ({_UNIT})\b"
)
_SHORTEST, _LONGEST = 8, 40  # columns of a bar
_TICK = 1.0  # seconds
_PAUSE = 0.05  # seconds between two drawings of what counts bytes
_FIRST_RATE = 1.0  # seconds after which a rate says something


def can_write_over() -> bool:
    """Return whether messages go to a terminal on which a line can be written over."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def write(text: str) -> None:
    """Write to stderr, if there is one that anybody reads."""
    # Python has none where the shell has closed it.
    with suppress(OSError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


class Share:
    """How many bytes of how many there are, as a text tells.

    Attributes:
        match: where in the text.
    """

    def __init__(self, match: re.Match[str]) -> None:
        """Read the numbers."""
        self.match = match
        self.total = float(match[3]) * _UNITS[match[4]]
        self.done = float(match[1]) * _UNITS[match[2] or match[4]]

    @classmethod
    def of(cls, text: str) -> Share | None:
        """Return what a text tells, None if it tells nothing."""
        match = _SHARE.search(text)
        return cls(match) if match else None


class Rates:
    """Adds rate and time left to texts that tell how many bytes there are, and lack these."""

    def __init__(self) -> None:
        """Begin with the first text."""
        self._first: tuple[float, float, float] | None = None
        self._last = 0.0

    def added(self, text: str) -> str:
        """Return the text with them, as soon as they mean something."""
        share = Share.of(text)
        if share is None or "/s" in text:
            self._first = None
            return text
        now = time.monotonic()
        if self._first is None or share.total != self._first[2] or share.done < self._last:
            self._first = now, share.done, share.total
        self._last = share.done
        seconds, arrived = now - self._first[0], share.done - self._first[1]
        if seconds < _FIRST_RATE or not arrived:
            return text
        rate = arrived / seconds
        return f"{text} {bytes_text(rate)}/s {clock_text((share.total - share.done) / rate)}"


class Live:
    """The lines at the end of a terminal that show what is under way. Threads may share it."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._lock = threading.RLock()
        self._text = ""
        self._height = 0
        self._drawn = 0.0
        self._until = 0.0
        self._ticking = False

    def show(self, text: str) -> None:
        """Show a text in the place of the last one."""
        share = Share.of(text)
        with self._lock:
            self._text = text
            is_on_the_way = share is not None and share.done < share.total
            if not is_on_the_way or time.monotonic() - self._drawn >= _PAUSE:
                self._draw()

    def clear(self) -> None:
        """Remove what is shown."""
        with self._lock:
            self._text, self._until = "", 0.0
            self._erase()

    def print(self, line: str) -> None:
        """Write a line that stays, above what is shown."""
        with self._lock:
            self._erase()
            write(line)

    def count_down(self, seconds: float) -> None:
        """Show for how long servers have asked to wait, besides what is shown."""
        with self._lock:
            self._until = time.monotonic() + seconds
            self._draw()
            if not self._ticking:
                self._ticking = True
                threading.Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        while True:
            time.sleep(_TICK)
            with self._lock:
                self._ticking = self._left() > 0
                if self._until:
                    self._draw()
                if not self._ticking:
                    return

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        lines = layout(self._text, width)
        if (left := self._left()) > 0:
            waiting = f"waiting {duration_text(math.ceil(left))}: the server's rate limit"
            lines = [*filter(None, lines), cut(waiting, width)]
        self._erase()
        write("\n".join(lines))
        self._height = len(lines)
        self._drawn = time.monotonic()

    def _erase(self) -> None:
        write(ERASE + _UP * (self._height - 1))
        self._height = 0


def layout(text: str, width: int) -> list[str]:
    """Return a text as lines of a terminal, with a bar where it tells how many bytes there are.

    The numbers are never cut.
    """
    found = Share.of(text)
    if found is None:
        return [cut(text, width)]
    at = found.match.start()
    label, numbers = text[:at].rstrip(), text[at:]
    share = found.done / found.total if found.total else 1.0
    room = width - width_of(label) - width_of(numbers) - 2
    if room >= _SHORTEST and label:
        return [f"{label} {_bar(share, min(room, _LONGEST))} {numbers}"]
    if room >= -1:
        return [f"{label} {numbers}".strip()]
    room = width - width_of(numbers) - 1
    bar = f"{_bar(share, min(room, _LONGEST))} " if room >= _SHORTEST else ""
    return [cut(label, width), cut(f"{bar}{numbers}", width)]


def _bar(share: float, width: int) -> str:
    whole, rest = "━─" if "utf" in (sys.stderr.encoding or "").lower() else "#."
    done = min(width, int(share * width))
    return whole * done + rest * (width - done)
