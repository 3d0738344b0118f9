"""How far a run is that downloads several files: one line, which says so from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.progress import Progress
from aimodels_gen.amounts import Amount, Speed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from aimodels_gen.amounts import Show

_INTERVAL = 0.5  # seconds


class RunProgress(Progress):
    """Counts bytes and files of a run, and reports `big 2/4 1.1 of 1.2 GiB 82.0 MiB/s 0:03`."""

    def __init__(
        self,
        total: int,
        files: Mapping[str, int],
        report: Show,
        model: Callable[[Path], str] | None = None,
    ) -> None:
        """Report a run of so many bytes.

        Args:
            total: Bytes in all.
            files: Their number, by model.
            report: Takes how far it is.
            model: Returns whose a file is; None where there is one model.
        """
        super().__init__("", total)
        self._bytes = total
        self._files = dict(files)
        self._left = dict(files)
        self._say = report
        self._model = model
        self._speed = Speed()

    def complete(self, path: Path) -> None:
        """Count a file that is whole."""
        self._left[self._model(path) if self._model else next(iter(self._left))] -= 1

    def __enter__(self) -> Self:
        """Report at once."""
        self._say(self.amount())
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
            self._say(self.amount())

    def amount(self) -> Amount:
        """Return how far the run is: for several models, which one is under way."""
        count = sum(self._files.values())
        done = count - sum(self._left.values())
        names = list(self._files)
        current = next((n for n, name in enumerate(names) if self._left[name]), len(names) - 1)
        which = f" (model {current + 1} of {len(names)})" if len(names) > 1 else ""
        kept = min(self.kept + self.skipped, self._bytes)
        label = f"{names[current]}{which} {done}/{count}"
        return Amount(label, kept, self._bytes, self._speed.at(self.received))

    def _report(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self._say(self.amount())
