"""The third stage of locking: the sha256 of every file, remembered, published or computed."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from aimodels_fetcher.content_hashes import Unread, hash_contents
from aimodels_fetcher.digests import BEGINNING, hex_to_sri
from aimodels_fetcher.fetch import max_connections
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.amounts import Amount, Speed
from aimodels_gen.errors import AimodelsError, SourceError
from aimodels_gen.lock import costs
from aimodels_gen.lock.distinct_files import DistinctFiles
from aimodels_gen.lock.kept_content import KeptContent
from aimodels_gen.lock.known_content import recalled
from aimodels_gen.lock.model import FilesPin
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.net.contents import mistaken, warning
from aimodels_gen.net.pool import following

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.upstreams import Upstreams
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.bundles import Bundles
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.lock.known_content import KnownContent
    from aimodels_gen.lock.model import Lock
    from aimodels_gen.lock.selection import Selected, SourceFiles
    from aimodels_gen.net.pool import RequestPool

    Report = Callable[[str], None]

_INTERVAL = 0.2  # seconds between two lines of progress


def pinned_sizes(lock: Lock) -> Mapping[str, int]:
    """Return the sizes in bytes of the files that a lock pins, by their SRI sha256."""
    pins = (model.pin for model in lock.models.values())
    files = (file for pin in pins if isinstance(pin, FilesPin) for file in pin.all_files.values())
    return {file.hash: file.size for file in files}


def check_sizes(model: Selected, pinned: Mapping[str, int]) -> Selected:
    """Return a model, unless a file has the sha256 that is pinned for another size.

    Raises:
        SourceError: the file has changed, and what says its sha256 has not.
    """
    if not pinned:
        return model
    for one in model.sources:
        for file in one.files:
            before = pinned.get(hex_to_sri(file.sha256), file.size) if file.sha256 else file.size
            if file.size not in {None, before}:
                raise SourceError(
                    f"{file.path!r} of {one.source.label} has {counted(file.size or 0, 'byte')} "
                    f"now, and had {before} when it was locked with the same sha256",
                    "it has changed, but its sha256 in the manifest or in a sums file has not: "
                    "write the new one, or remove it and run `aimodels-gen lock`",
                )
    return model


@dataclass(frozen=True)
class _WantedFiles:
    """Files of one source that are to be downloaded, and what makes one of them ready for that."""

    files: RemoteFiles
    prepare: Callable[[RemoteFile], Unread] | None

    @property
    def unread(self) -> Iterator[Unread]:
        return map(self.prepare, self.files) if self.prepare else iter(())


@dataclass(frozen=True)
class _Wanted:
    """A model, and its files that are to be downloaded, in their order.

    Attributes:
        of_sources: those of each source.
    """

    model: Selected
    of_sources: tuple[_WantedFiles, ...]

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def files(self) -> Iterator[RemoteFile]:
        return (file for one in self.of_sources for file in one.files)

    @property
    def unread(self) -> Iterator[Unread]:
        return (unread for one in self.of_sources for unread in one.unread)

    @property
    def count(self) -> int:
        return sum(len(one.files) for one in self.of_sources)

    def completed(self, hashed: Iterator[RemoteFile | AimodelsError], clients: Clients) -> Selected:
        """Return the model with what was computed.

        Raises:
            SourceError: a file could not be read.
        """

        def complete(one: SourceFiles, file: RemoteFile, paths: frozenset[str]) -> RemoteFile:
            if file.path not in paths:
                return file
            found = next(hashed)
            if isinstance(found, AimodelsError):
                raise clients.of(one.source).explain(one.source, file, found) from found
            return replace(file, sha256=found.sha256, size=found.size)

        pairs = zip(self.model.sources, self.of_sources, strict=True)
        of_sources = ((one, frozenset(file.path for file in found.files)) for one, found in pairs)
        return _with_files(
            self.model, ((complete(one, f, paths) for f in one.files) for one, paths in of_sources)
        )


def announcements(models: Iterable[Selected]) -> list[str]:
    """Return a line for each source of which content must be read that may be large.

    What has a git id is not: git is for small files.
    """
    lines = []
    for model in models:
        for one in model.sources:
            files = [f for f in one.files if _is_unread(f) and f.git_blob_id is None]
            label, unhashed = one.source.label, [f for f in files if f.sha256 is None]
            if unhashed:
                size = bytes_text(sum(file.size or 0 for file in unhashed))
                more = " and more" if any(file.size is None for file in unhashed) else ""
                lines.append(
                    f"{model.name}: {label} publishes no sha256 for "
                    f"{counted(len(unhashed), 'file')}; reading {size}{more} once to compute it"
                )
            if sizeless := len(files) - len(unhashed):
                lines.append(
                    f"{model.name}: {label} does not say the size of "
                    f"{counted(sizeless, 'file')}; reading all of it once"
                )
    return lines


@dataclass(frozen=True)
class HashCompleter:
    """Completes what listings say of files.

    Attributes:
        pool: makes the requests that read no content.
        jobs: bounds those that do; None for what the machine may have.
        warn: is told what takes long, `report` what is under way.
        bundles: have the contents of small files: what is at hand, and what is downloaded.
        keeps_all: whether the store is to have all that is read.
    """

    clients: Clients
    pool: RequestPool
    jobs: int | None
    failures: Failures
    bundles: Bundles
    report: Show
    warn: Report
    keeps_all: bool = False

    def complete(self, models: Sequence[Selected], known: KnownContent) -> list[Selected]:
        """Return the models with all hashes that can be had without reading content.

        Those are known of content that is the same as it was, or a request adds them.
        """
        recalled_models = [recalled(model, known) for model in models]
        return [recalled(model, known, asked=True) for model in self._ask(recalled_models)]

    def _ask(self, models: Sequence[Selected]) -> list[Selected]:
        """Return the models with what requests for single files add, that read no content."""
        answers = self.pool.in_order(
            partial(self.clients.of(one.source).details, one.source, file)
            for model in models
            for one in model.sources
            for file in one.files
            if self._asks(one, file)
        )
        done: list[Selected] = []
        for number, model in enumerate(models, 1):
            with self.failures.collect(model.name):
                count = sum(self._asks(one, f) for one in model.sources for f in one.files)
                of_model = following(answers, count)
                done.append(
                    _with_files(
                        model,
                        (
                            [next(of_model) if self._asks(one, f) else f for f in one.files]
                            for one in model.sources
                        ),
                    )
                )
            self.report(f"asked about the files of {number} of {counted(len(models), 'model')}")
        return done

    def _asks(self, one: SourceFiles, file: RemoteFile) -> bool:
        """Return whether a request for a file is made, which does not read it."""
        return _is_unread(file) and self.clients.of(one.source).has_details

    def download(self, models: Sequence[Selected]) -> list[Selected]:
        """Return the models with all hashes, having downloaded the content of what lacks them.

        The contents of bundles are at hand then, unless the hash of the bundle is known.
        """
        models = self.failures.of_each(models, self._cached)
        small = (line for one in models for line in costs.of_reading(one, self.clients))
        for line in (*announcements(models), *small):
            self.warn(line)
        wanted = self.failures.of_each(models, self._wanted)
        found = self._hashed(wanted) if any(model.count for model in wanted) else iter(())
        done: list[Selected] = []
        for model in wanted:
            # Each model takes its own from the row, also where one of them failed.
            hashed = islice(found, model.count)
            with self.failures.collect(model.name):
                done.append(model.completed(hashed, self.clients))
            deque(hashed, 0)
        return done

    def _cached(self, model: Selected) -> Selected:
        """Return a model with the hashes of small files whose content is in the user's cache."""

        def cached(one: SourceFiles, file: RemoteFile) -> RemoteFile:
            found = self.bundles.contents.known(file) if _is_unread(file) else None
            if found is None:
                return file
            upstreams = self.clients.of(one.source).upstreams(one.source, {})
            self._examine(model.name, one.source.label, upstreams, file, found[1][:BEGINNING])
            return found[0]

        return _with_files(model, ((cached(one, f) for f in one.files) for one in model.sources))

    def _wanted(self, model: Selected) -> _Wanted:
        wanted = []
        lacking = _lacking(model, self.bundles)
        for number, one in enumerate(model.sources):
            more = frozenset() if number else lacking
            files = RemoteFiles(f for f in one.files if _is_unread(f) or f.path in more)
            unread: Callable[[RemoteFile], Unread] | None = None
            if files:
                versions = {file.path: file.version for file in files if file.version}
                upstreams = self.clients.of(one.source).upstreams(one.source, versions)
                examine = partial(self._examine, model.name, one.source.label, upstreams)
                unread = partial(_unread, upstreams, examine)
            wanted.append(_WantedFiles(files, unread))
        return _Wanted(model, tuple(wanted))

    def _examine(
        self, name: str, label: str, upstreams: Upstreams, file: RemoteFile, beginning: bytes
    ) -> None:
        """Warn of a file that its server has, and that is not what its name says.

        Raises:
            SourceError: nothing shows that it is a file of the model.
        """
        path = file.path
        _, url = upstreams.first(path) or (None, "")
        found = mistaken(path, beginning, url)
        if found and file.git_blob_id is None:
            raise SourceError(
                f"{path!r} of {label} is {found}",
                f"put the file itself there, or leave it out with exclude = {json.dumps([path])}",
            )
        if found:
            self.warn(f"{name}: {warning(path, found, label)}")

    def _hashed(self, models: Sequence[_Wanted]) -> Iterator[RemoteFile | AimodelsError]:
        progress = _Progress(self.report, models)
        connections = max_connections() if self.jobs is None else self.jobs
        distinct = DistinctFiles(one for model in models for one in model.unread)
        with (
            workspace() as scratch,
            KeptContent(scratch, self.bundles.contents, every=self.keeps_all) as keeper,
        ):
            hashed = hash_contents(
                distinct.first(progress.skipped),
                scratch,
                connections,
                arrived=progress.arrived,
                done=progress.hashed,
                keeper=keeper,
            )
        return distinct.of_all(hashed)


class _Progress:
    """Reports how far the reading is, from many threads, and not too often."""

    def __init__(self, report: Show, unread: Sequence[_Wanted]) -> None:
        self._report = report
        self._files = sum(model.count for model in unread)
        self._size = sum(file.size or 0 for model in unread for file in model.files)
        self._done = self._arrived = 0
        self._reported = 0.0
        self._speed = Speed()
        self._lock = threading.Lock()

    def arrived(self, count: int) -> None:
        """Count bytes."""
        with self._lock:
            self._arrived += count
            now = time.monotonic()
            if now - self._reported < _INTERVAL:
                return
            self._reported = now
        self._show()

    def skipped(self, file: RemoteFile) -> None:
        """Count a file that is the same as another one."""
        self.arrived(file.size or 0)
        self.hashed()

    def hashed(self) -> None:
        """Count a file."""
        with self._lock:
            self._done += 1
        self._show()

    def _show(self) -> None:
        with self._lock:
            label = f"hashed {self._done} of {counted(self._files, 'file')},"
            rate = self._speed.at(self._arrived)
            amount = Amount(label, self._arrived, max(self._size, self._arrived), rate)
        self._report(amount)


def _lacking(model: Selected, bundles: Bundles) -> frozenset[str]:
    """Return the paths of files with a known sha256 whose content a bundle needs."""
    contents = bundles.contents
    files = [file for file in model.sources[0].files if file.path in model.bundled]
    known = {file.path: file.sha256 for file in files if file.sha256}
    if len(known) == len(files) and not bundles.needs_contents(known.values()):
        return frozenset()
    return frozenset(
        file.path
        for file in files
        if file.sha256 and not contents.find(file.sha256, file.git_blob_id, file.path)
    )


def _with_files(model: Selected, files: Iterable[Iterable[RemoteFile]]) -> Selected:
    """Return a model with other facts about the files of each of its sources."""
    pairs = zip(model.sources, files, strict=True)
    return replace(model, sources=tuple(replace(one, files=RemoteFiles(new)) for one, new in pairs))


def _unread(
    upstreams: Upstreams, examine: Callable[[RemoteFile, bytes], None], file: RemoteFile
) -> Unread:
    return Unread(file, upstreams, partial(examine, file))


def _is_unread(file: RemoteFile) -> bool:
    return file.sha256 is None or file.size is None
