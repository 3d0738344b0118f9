"""What a download needs of the workers that fetch it: a narrow interface, easy to stand in for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_fetcher.errors import TransientError
    from aimodels_fetcher.progress import ByteCounter

    Task = Callable[[memoryview], None]
    """What one worker does next; the argument is its buffer."""


class StopWorker(Exception):  # noqa: N818 (a request, and no error)
    """A worker must stop what it is doing: the file or the run is over, or too many workers run."""


class Job(Protocol):
    """A file to be fetched."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do, for any worker."""

    @property
    def wanting(self) -> bool:
        """Whether there are bytes that no worker is fetching."""

    @property
    def sharers(self) -> int:
        """Number of workers that are fetching it."""

    def take(self, sharers: int) -> Task | None:
        """Return something to do, or None where there is nothing at the moment.

        Args:
            sharers: Number of workers that may be fetching this file.
        """

    def abandon(self) -> None:
        """Stop all work on it: no further requests, nothing written any more."""


class Workers(Protocol):
    """The workers, as a job sees them. Jobs must not hold a lock of their own when they call."""

    @property
    def counter(self) -> ByteCounter:
        """Counts the bytes that arrive."""

    def start(self, job: Job, task: Callable[[], None]) -> None:
        """Run a task of a job on a thread of its own; if it fails, the job does."""

    def wake(self) -> None:
        """Let idle workers look again for something to do."""

    def sleep(self, seconds: float) -> None:
        """Wait between two tries.

        Raises:
            StopWorker: The run is over, or there are enough workers without this one.
        """

    def notice(self, fault: TransientError) -> None:
        """Use fewer connections where that may help."""
