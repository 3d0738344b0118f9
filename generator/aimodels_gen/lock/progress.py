"""How far a run is that downloads several files: one line, which says so from the start."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from aimodels_fetcher.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    Report = Callable[[str], None]

_INTERVAL = 0.5  # seconds
_SPEED_SECONDS = 5.0  # over which the speed is measured
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class RunProgress(Progress):
    """Counts bytes and files of a run, and reports `big 2/4 1.1 of 1.2 GiB 82.0 MiB/s 0:03`."""

    def __init__(
        self,
        total: int,
        files: Mapping[str, int],
        report: Report,
        model: Callable[[Path], str] | None = None,
    ) -> None:
        """Report a run of so many bytes.

        Args:
            total: Bytes in all.
            files: Their number, by model.
            report: Takes the line.
            model: Returns whose a file is; None where there is one model.
        """
        super().__init__("", total)
        self._bytes = total
        self._files = dict(files)
        self._left = dict(files)
        self._say = report
        self._model = model
        self._speeds: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def complete(self, path: Path) -> None:
        """Count a file that is whole."""
        self._left[self._model(path) if self._model else next(iter(self._left))] -= 1

    def __enter__(self) -> Self:
        """Report at once."""
        self._say(self.line())
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Report no more, with a last line if all went well."""
        self._stop.set()
        self._thread.join()
        if kind is None:
            self._say(self.line())

    def line(self) -> str:
        """Return how far the run is: for several models, which one is under way."""
        count = sum(self._files.values())
        done = count - sum(self._left.values())
        names = list(self._files)
        current = next((n for n, name in enumerate(names) if self._left[name]), len(names) - 1)
        which = f" (model {current + 1} of {len(names)})" if len(names) > 1 else ""
        kept = min(self.kept + self.skipped, self._bytes)
        line = f"{names[current]}{which} {done}/{count} {share_text(kept, self._bytes)}"
        speed = self._speed()
        if speed:
            left = clock_text((self._bytes - kept) / speed)
            line += f" {share_text(None, int(speed))}/s {left}"
        return line

    def _speed(self) -> float:
        """Return the bytes a second of the last seconds."""
        now = time.monotonic()
        self._speeds.append((now, self.received))
        while len(self._speeds) > 2 and now - self._speeds[1][0] >= _SPEED_SECONDS:  # noqa: PLR2004
            self._speeds.popleft()
        then, before = self._speeds[0]
        return (self.received - before) / (now - then) if now > then else 0.0

    def _report(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self._say(self.line())


def share_text(done: int | None, total: int) -> str:
    """Return how much of a number of bytes is there, in one unit: `1.1 of 1.2 GiB`."""
    unit = 0
    while total >> (10 * (unit + 1)) and unit < len(_UNITS) - 1:
        unit += 1
    digits = 1 if unit else 0
    texts = [f"{one / (1 << 10 * unit):.{digits}f}" for one in (done, total) if one is not None]
    return f"{' of '.join(texts)} {_UNITS[unit]}"


def clock_text(seconds: float) -> str:
    """Return a duration as clocks show it: `0:03`, `1:02:03`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
