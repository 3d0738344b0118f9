"""Which files are being fetched, and which come next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_fetcher.workers import Job, Task

_FILES_AT_ONCE = 2  # large ones: a file system lets one thread write to a file at a time


class JobQueue:
    """Jobs that are under way, and those that are not yet. Not safe to use without a lock.

    Args:
        jobs: All jobs.
        most: Maximum number of jobs under way.

    Attributes:
        exhausted: Whether every job has begun.
    """

    def __init__(self, jobs: Iterator[Job], most: int) -> None:
        self._jobs = jobs
        self._most = most
        self._open: list[Job] = []
        self.exhausted = False

    @property
    def open(self) -> list[Job]:
        """The jobs that are under way."""
        self._open = [job for job in self._open if not job.finished]
        return self._open

    def take(self, sharers: int) -> tuple[Job, Task] | None:
        """Return something to do, if there is anything at the moment.

        Args:
            sharers: Number of workers that may be fetching one file.
        """
        while True:
            wanting = sum(job.wanting for job in self.open)
            if wanting >= _FILES_AT_ONCE or not self._start_next():
                if step := self._take_open(sharers):
                    return step
                if not self._open or not self._start_next():
                    return None

    def remove(self, job: Job) -> bool:
        """Forget a job that has failed; return whether it was under way."""
        if job not in self.open:
            return False
        self._open.remove(job)
        return True

    def _take_open(self, sharers: int) -> tuple[Job, Task] | None:
        for job in sorted(self._open, key=lambda job: job.sharers):
            if task := job.take(sharers):
                return job, task
        return None

    def _start_next(self) -> bool:
        if len(self._open) >= self._most:
            return False
        following = next(self._jobs, None)
        if following is None:
            self.exhausted = True
            return False
        self._open.append(following)
        return True
