"""Sending store paths to a binary cache: archives first, then what makes them visible.

A path is in a cache once its `.narinfo` is. That is written after its archive, and after those of
all paths that it refers to: a cache is whole at any time, also if the run is killed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aimodels_fetcher.machine_errors import explained
from aimodels_gen.errors import AimodelsError, StoreError
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.net.pool import RequestPool
from aimodels_gen.store.binary_caches.base import Archive, CacheError, published

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aimodels_fetcher.narinfo import NarInfo
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.store.binary_caches.base import BinaryCache

State = Literal["sent", "resumed", "failed"]


@dataclass(frozen=True)
class Upload:
    """A store path to send.

    Attributes:
        owner: What it is for, in messages: a model, or what was built.
        info: The path with hash, size, references and signatures; where its archive will be is
            not looked at.
        sharers: All models that fail without it.
    """

    owner: str
    info: NarInfo
    sharers: Sequence[str] = ()


def find(cache: BinaryCache, paths: Iterable[str], jobs: int) -> dict[str, NarInfo]:
    """Return what a cache has of store paths.

    Raises:
        AimodelsError: It does not answer, or not as a binary cache.
    """
    pool = RequestPool(jobs)
    found: dict[str, NarInfo] = {}
    try:
        wanted = list(paths)
        calls = (lambda path=path: cache.info_of(path) for path in wanted)
        for path, future in zip(wanted, pool.in_order(calls), strict=True):
            if info := future.result():
                found[path] = info
    finally:
        pool.close()
    return found


def check_room(cache: BinaryCache, uploads: Sequence[Upload]) -> None:
    """Refuse to begin what cannot fit, apart from archives that an earlier run has sent.

    Raises:
        FetchError: The cache has no room for them.
    """
    if cache.knows_space:
        infos = [upload.info for upload in uploads]
        left = [one for one in infos if cache.size(published(one).url) != one.nar_size]
        cache.check_space(sum(one.nar_size for one in left))


def send(
    cache: BinaryCache,
    uploads: Sequence[Upload],
    failures: Failures,
    progress: Show,
    jobs: int,
) -> dict[str, State]:
    """Send store paths to a cache; return what became of each.

    Args:
        cache: That is prepared.
        uploads: Those that it lacks; a path comes after all that it refers to.
        failures: Takes those of owners; the others go on, unless the cache takes nothing more.
        progress: Is told how far it is.
        jobs: How many at a time.

    Returns:
        By path, `resumed` if its archive was there already.
    """
    if not uploads:
        return {}
    counts: dict[str, int] = {}
    for upload in uploads:
        counts[upload.owner] = counts.get(upload.owner, 0) + 1
    owners = {Path(upload.info.path): upload.owner for upload in uploads}
    total = sum(upload.info.nar_size for upload in uploads)
    pool = RequestPool(jobs)
    try:
        with RunProgress(total, counts, progress, owners.__getitem__) as counter:
            run = _Run(cache, failures, counter, {one.info.path: _Turn() for one in uploads})
            # In this order, which is why a call may wait for those before it.
            for future in [pool.submit(run.send, upload) for upload in uploads]:
                future.result()
    finally:
        pool.close()
    return {path: turn.state for path, turn in run.turns.items()}


@dataclass
class _Turn:
    """A path on its way."""

    state: State = "failed"
    over: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Run:
    cache: BinaryCache
    failures: Failures
    counter: RunProgress
    turns: Mapping[str, _Turn]
    stopped: AimodelsError | None = None

    def send(self, upload: Upload) -> None:
        """Send a path, unless an earlier failure holds for all."""
        info = upload.info
        turn = self.turns[info.path]
        try:
            if self.stopped:
                raise self.stopped
            archive = Archive(info, self.counter.add)
            is_new = self.cache.put_path(archive)
            if not is_new:
                self.counter.skip(info.nar_size)
            self._await_references(info)
            self.cache.publish(info)
            turn.state = "sent" if is_new else "resumed"
            self.counter.complete(Path(info.path))
        except (AimodelsError, OSError) as error:
            self._fail(upload, error)
        finally:
            turn.over.set()

    def _await_references(self, info: NarInfo) -> None:
        store_dir = info.path.rpartition("/")[0]
        for name in info.references:
            path = f"{store_dir}/{name}"
            turn = self.turns.get(path)
            if turn is None or path == info.path:
                continue
            turn.over.wait()
            if turn.state == "failed":
                raise StoreError(f"{info.path} refers to {path}, which was not pushed")

    def _fail(self, upload: Upload, error: AimodelsError | OSError) -> None:
        if isinstance(error, OSError):
            message, hint = explained(error) or (str(error), None)
            error = CacheError(message, hint, fatal=True)
        # Of a path that is damaged, or too large for the server, the others know nothing.
        single = isinstance(error, StoreError) or (
            isinstance(error, CacheError) and not error.fatal
        )
        if not single:
            self.stopped = self.stopped or error
        for name in upload.sharers or (upload.owner,):
            self.failures.add(name, error)
