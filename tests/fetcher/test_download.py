"""What other threads may do to a download in the middle of a step."""

# ruff: noqa: SLF001 - the race has to be held open from within

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from aimodels_fetcher.download import Download
from aimodels_fetcher.progress import Progress
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.url import Url
from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.worker_pool import WorkerPool

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass
class Body:
    """An answer with the whole file, or what there is of it."""

    pieces: list[bytes]
    url = "http://example.org/x"
    partial = False
    start = 0
    capped = False

    def readinto(self, buffer: memoryview) -> int:
        piece = self.pieces.pop(0) if self.pieces else b""
        buffer[: len(piece)] = piece
        return len(piece)


def test_it_starts_over_while_an_answer_is_put_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file of unknown size: with its last byte it is whole, and may be found to be wrong."""
    origins = Upstreams([Upstream(Url({"x": "http://example.org/x"}), 1)])
    download = Download(
        RemoteFile("x"), origins, tmp_path / "x", WorkerPool(2, Progress("x", None))
    )
    part = download.take(1)
    assert part is not None
    download._open()
    fill = download._fill

    def fill_and_start_over(*arguments: Any) -> None:
        fill(*arguments)
        download._start_over(*cast("tuple[Upstream, str]", origins.first("x")))

    monkeypatch.setattr(download, "_fill", fill_and_start_over)
    download._receive(cast("Any", Body([b"half of it"])), part, memoryview(bytearray(64)))
    assert download.wanting
