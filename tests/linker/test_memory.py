"""Repositories of many files: what a run keeps of each in memory."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

from aimodels_linker import spec
from linker.helpers import A

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.linker import Linker

_FEW, _MANY = 300, 1500
_MOST = 800  # bytes of a file: 100,000 fit below 100 MiB
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def entry(linker: Linker, count: int) -> Path:
    """An entry of the cache with so many files, whose paths have a usual length."""
    path = linker.store / f"{count:032}-many"
    directory = f"snapshots/{COMMIT}/data/train/shard-00000/part-000"
    for made in ("blobs", "refs", directory):
        (path / made).mkdir(parents=True)
    (path / "refs/main").write_text(COMMIT)
    for number in range(count):
        (path / f"blobs/{number:064}").touch()
        os.symlink(  # noqa: PTH211 (many)
            f"{'../' * 6}blobs/{number:064}", path / directory / f"image_{number:08}.jpg"
        )
    return path


def peak(linker: Linker, path: Path) -> int:
    """The most memory that a run has."""
    tracemalloc.start()
    try:
        assert linker.link({A: path}).status == 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_directories_of_many_files_need_little_memory(
    directories: Linker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When they are made, and when they are as they have to be."""
    monkeypatch.setattr(spec, "_MAX_SIZE", 1 << 12)  # as much room is made for it
    peaks = {}
    for count in (_FEW, _MANY):
        path = entry(directories, count)
        linker = directories.but(
            hub=directories.root / f"cache/hub-{count}",
            state=directories.root / f"cache/state-{count}",
        )
        peaks[count] = [peak(linker, path), peak(linker, path)]
        assert sum(1 for _ in (linker.hub / A).rglob("*.jpg")) == count
    of_a_file = [(many - few) / (_MANY - _FEW) for few, many in zip(*peaks.values(), strict=True)]
    assert max(of_a_file) < _MOST
