"""Stand-ins for the workers of a fetch, for what servers send them, and for where it goes."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from aimodels_fetcher.progress import ByteCounter
from aimodels_fetcher.sources.url import Url
from aimodels_fetcher.targets import FileTarget
from aimodels_fetcher.upstreams import Upstream, Upstreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

    from aimodels_fetcher.errors import TransientError
    from aimodels_fetcher.http_client import ResolvedUrl
    from aimodels_fetcher.workers import Job


@dataclass
class RecordingWorkers:
    """Workers (see `aimodels_fetcher.workers`) that do nothing but note what they are asked for."""

    counter: ByteCounter = field(default_factory=ByteCounter)
    started: list[Callable[[], None]] = field(default_factory=list)
    woken: int = 0
    slept: list[float] = field(default_factory=list)
    noticed: list[TransientError] = field(default_factory=list)

    def start(self, job: Job, task: Callable[[], None]) -> None:  # noqa: ARG002 (one job is enough)
        self.started.append(task)

    def wake(self) -> None:
        self.woken += 1

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def notice(self, fault: TransientError) -> None:
        self.noticed.append(fault)


class Body:
    """A response whose body arrives in these pieces."""

    def __init__(self, *pieces: bytes, start: int | None = 0, **changes: Any) -> None:
        self.pieces = list(pieces)
        self.url = "http://example.org/x"
        self.type = "text/plain"
        self.encoding = "identity"
        self.headers: dict[str, str] = {}
        self.redirects: tuple[dict[str, str], ...] = ()
        self.watch: Callable[[memoryview], object] | None = None
        self.validator: str | None = None
        self.partial = False
        self.start = start
        self.total: int | None = None
        self.capped = False
        self.ended = False
        self.before: Callable[[], object] = lambda: None
        for name, value in changes.items():
            setattr(self, name, value)

    def readinto(self, buffer: memoryview) -> int:
        self.before()
        piece = self.pieces.pop(0) if self.pieces else b""
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        if piece[count:]:
            self.pieces.insert(0, piece[count:])
        return count


class ScriptedClient:
    """An HTTP client that answers with these bodies in turn, or raises these errors.

    Attributes:
        asked: The URLs and ranges that it was asked for.
        if_ranges: The ETags that these were to be of.
    """

    def __init__(self, *replies: Body | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, tuple[int, int] | None]] = []
        self.if_ranges: list[str | None] = []
        self.patience = math.inf

    @contextmanager
    def get(
        self, place: ResolvedUrl, wanted: tuple[int, int] | None = None, if_range: str | None = None
    ) -> Iterator[Body]:
        self.asked.append((place.url, wanted))
        self.if_ranges.append(if_range)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        yield reply


def scripted(*clients: ScriptedClient, kind: type[Upstreams] = Upstreams) -> Upstreams:
    """Upstreams of a file `x`, at hosts a, b and so on."""
    return kind(
        [
            Upstream(Url({"x": f"http://{name}.example.org/x"}), 1, cast("Any", client))
            for name, client in zip("abc", clients, strict=False)
        ]
    )


class WatchedTarget(FileTarget):
    """A target that knows its files."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.files: list[FileIO] = []

    @property
    def file(self) -> FileIO:
        """The newest one."""
        return self.files[-1]

    def open(self) -> FileIO:
        self.files.append(super().open())
        return self.file

    def close(self) -> None:
        for file in self.files:
            file.close()
