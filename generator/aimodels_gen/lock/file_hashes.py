"""Finding the sha256 of every file: remembered, published, or else read from the content."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.model import FilesPin
from aimodels_gen.net.pool import run_all
from aimodels_gen.sources.base import ListedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from aimodels_gen.lock.file import Lock
    from aimodels_gen.sources.base import Client, Source

    Report = Callable[[str], None]
    Known = Mapping[tuple[str, int | None], ListedFile]


@dataclass(frozen=True)
class Holding:
    """What one source of a model has of the files that the model takes.

    Attributes:
        model: the model's name.
        source: at its exact revision.
    """

    model: str
    source: Source
    files: tuple[ListedFile, ...]

    @property
    def tells(self) -> bool:
        """Return whether the source would say so if the content were another."""
        ids = map(self.source.content_id, self.files)
        return bool(self.source.version) or all(name is not None for name in ids)

    def recalled(self, known: Known) -> Holding:
        """Return it with what is known of content that is the same as it was."""
        return replace(self, files=tuple(self._recall(file, known) for file in self.files))

    def _recall(self, file: ListedFile, known: Known) -> ListedFile:
        name = self.source.content_id(file) if file.sha256 is None else None
        found = known.get((name, file.size)) if name else None
        if found is None:
            return file
        return replace(file, sha256=found.sha256, version=found.version)


def known_content(lock: Lock) -> Known:
    """Return what a lock remembers of files, by `Source.content_id` and size in bytes."""
    known: dict[tuple[str, int | None], ListedFile] = {}
    for model in lock.models.values():
        if not isinstance(model.pin, FilesPin):
            continue
        pins = model.pin.files
        for path, pin in pins.items():
            if pin.blob_id is not None and not pin.lfs:
                sha256 = sri_to_hex(pin.hash)
                known[pin.blob_id, pin.size] = ListedFile(path, pin.size, sha256)
        for source in model.sources:
            for file in source.remembers():
                name, of_it = source.content_id(file), pins.get(file.path)
                if name and of_it:
                    sha256 = sri_to_hex(of_it.hash)
                    known[name, of_it.size] = replace(file, size=of_it.size, sha256=sha256)
    return known


class Hashing:
    """Completes what listings say, with at most `jobs` requests at a time.

    A model that fails is left alone from then on; `failures` has the first failure of each.
    """

    def __init__(
        self, clients: Mapping[str, Client[Any]], jobs: int, report: Report, warn: Report
    ) -> None:
        """Ask `clients`, by kind; `warn` of what takes long, `report` what is under way."""
        self.failures: dict[str, AimodelsError] = {}
        self._clients = clients
        self._jobs = jobs
        self._report = report
        self._warn = warn
        self._failing = threading.Lock()

    def details(self, holdings: Sequence[Holding]) -> list[Holding]:
        """Return the holdings with what single requests add, that read no content."""
        return self._each(
            holdings,
            lambda client, source, file: client.details(source, file),
            lambda done, total: self._report(f"asked about {done} of {total} files"),
        )

    def unread(self, holdings: Iterable[Holding]) -> list[str]:
        """Return a line for each holding of which content must be read that may be large.

        What has a git id is not: git is for small files.
        """
        lines = []
        for holding in holdings:
            files = [f for f in holding.files if _is_unread(f) and f.blob_id is None]
            if files:
                size = bytes_text(sum(file.size or 0 for file in files))
                more = " and more" if any(file.size is None for file in files) else ""
                lines.append(
                    f"{holding.model}: {holding.source.label} gives no sha256 for "
                    f"{counted(len(files), 'file')}, so that {size}{more} are read once to make it"
                )
        return lines

    def read(self, holdings: Sequence[Holding]) -> list[Holding]:
        """Return the holdings with all hashes, having read the content of what lacks them."""
        for line in self.unread(holdings):
            self._warn(line)
        reading = _Reading(self._report, holdings)
        return self._each(
            holdings,
            lambda client, source, file: client.read(source, file, reading.arrived),
            reading.hashed,
        )

    def _each(
        self,
        holdings: Sequence[Holding],
        call: Callable[[Client[Any], Source, ListedFile], ListedFile],
        progress: Callable[[int, int], None],
    ) -> list[Holding]:
        todo = [
            (number, index)
            for number, holding in enumerate(holdings)
            for index, file in enumerate(holding.files)
            if _is_unread(file)
        ]

        def work(item: tuple[int, int]) -> ListedFile | None:
            holding = holdings[item[0]]
            if holding.model in self.failures:
                return None
            try:
                client = self._clients[holding.source.kind]
                return call(client, holding.source, holding.files[item[1]])
            except AimodelsError as error:
                with self._failing:
                    self.failures.setdefault(holding.model, error)
                return None

        found = run_all(work, todo, self._jobs, lambda done: progress(done, len(todo)))
        files = [list(holding.files) for holding in holdings]
        for (number, index), file in zip(todo, found, strict=True):
            if isinstance(file, ListedFile):
                files[number][index] = file
        return [
            replace(holding, files=tuple(new))
            for holding, new in zip(holdings, files, strict=True)
            if holding.model not in self.failures
        ]


class _Reading:
    """Says how far the reading is, from many threads, and not too often."""

    _INTERVAL = 0.2  # seconds

    def __init__(self, report: Report, holdings: Iterable[Holding]) -> None:
        self._report = report
        unread = [file for holding in holdings for file in holding.files if _is_unread(file)]
        self._files = len(unread)
        self._size = sum(file.size or 0 for file in unread)
        self._done = self._arrived = 0
        self._said = 0.0
        self._lock = threading.Lock()

    def arrived(self, count: int) -> None:
        """Count bytes."""
        with self._lock:
            self._arrived += count
            now = time.monotonic()
            if now - self._said < self._INTERVAL:
                return
            self._said = now
        self._say()

    def hashed(self, done: int, _total: int) -> None:
        """Note that so many files are done."""
        self._done = done
        self._say()

    def _say(self) -> None:
        size = f"{bytes_text(self._arrived)} of {bytes_text(self._size)}"
        self._report(f"hashed {self._done} of {self._files} files, {size}")


def _is_unread(file: ListedFile) -> bool:
    return file.sha256 is None or file.size is None
