"""Hashing content that no checksum is known of, without keeping it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aimodels_fetcher.download import Download
from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.progress import ByteCounter
from aimodels_fetcher.remote_files import packed, unpacked
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.targets import ScratchTarget
from aimodels_fetcher.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from aimodels_fetcher.digests import Verifier
    from aimodels_fetcher.targets import Target
    from aimodels_fetcher.upstreams import Upstreams
    from aimodels_fetcher.workers import Job


@dataclass(frozen=True)
class Unread:
    """A file whose content has to be read.

    Args:
        file: What is known of it.
        upstreams: Servers that have it.
        examine: Called with its first bytes, up to 1,024, once all is there and right, by any
            thread. What it raises is why the file failed.
    """

    file: RemoteFile
    upstreams: Upstreams
    examine: Callable[[bytes], None] = lambda _: None


class Keeper:
    """Keeps the content of some files; this one of none."""

    def target(self, file: RemoteFile) -> Target | None:  # noqa: ARG002 (for others)
        """Return where to write a file, None if it is only to be hashed."""
        return None

    def verified(self, target: Target, file: RemoteFile) -> None:
        """Take a file that is whole, and what is known of it now; called by any thread."""


_HASHING_ONLY = Keeper()


def hash_contents(  # noqa: PLR0913 (what to read where, and who is told)
    files: Iterable[Unread],
    scratch: Path,
    connections: int,
    *,
    arrived: Callable[[int], None] = lambda _: None,
    done: Callable[[], None] = lambda: None,
    keeper: Keeper = _HASHING_ONLY,
) -> Iterator[RemoteFile | AimodelsError]:
    """Download files, and then yield each with its size and sha256, or why there is none.

    What is known of a file (its size, sha256 or git blob id) is compared with its content. A
    failure of one does not stop the others.

    Args:
        files: What to read; each is taken when its turn comes.
        scratch: A directory for temporary files. They have no names and take little space: what has
            been hashed is given back to the file system.
        connections: Maximum number of concurrent requests.
        arrived: Called with the number of bytes whenever some have arrived, by one thread at a
            time. A negative number takes back what has to be fetched again.
        done: Called whenever a file is done or has failed, by one thread at a time.
        keeper: Keeps some of the content.

    Returns:
        As many results, in the order of the files; all files have been read.

    Raises:
        Exception: Whatever is not about one file.
    """
    scratch_target = ScratchTarget(scratch)
    pool = WorkerPool(connections, ByteCounter(arrived))
    results: dict[int, bytes | AimodelsError] = {}
    numbers: dict[Job, int] = {}  # of those that are under way, and some more
    finishing = threading.Lock()

    def finish(number: int, result: RemoteFile | AimodelsError) -> None:
        with finishing:
            results[number] = packed(result) if isinstance(result, RemoteFile) else result
            done()

    def download(number: int, unread: Unread) -> Download:
        place = keeper.target(unread.file) or scratch_target

        def verified(got: Verifier) -> None:
            unread.examine(got.beginning)
            found = replace(unread.file, sha256=got.sha256, size=got.size)
            keeper.verified(place, found)
            finish(number, found)

        return Download(unread.file, unread.upstreams, place, pool, verified)

    def downloads() -> Iterator[Download]:
        for number, unread in enumerate(files):
            try:
                job = download(number, unread)
            except AimodelsError as error:  # noqa: PERF203 (each may fail)
                finish(number, error)
            else:
                _forget_finished(numbers, 2 * connections)
                numbers[job] = number
                yield job

    def failed(job: Job, error: Exception) -> None:
        if not isinstance(error, AimodelsError):
            raise error
        finish(numbers[job], error)

    pool.run(downloads(), failed)
    ordered = map(results.pop, range(len(results)))
    return (unpacked(one) if isinstance(one, bytes) else one for one in ordered)


def _forget_finished(jobs: dict[Job, int], most: int) -> None:
    """Forget jobs that need nothing more: each takes 3 kB, and there may be 100,000."""
    if len(jobs) > most:
        for job in [job for job in jobs if job.finished]:
            del jobs[job]
