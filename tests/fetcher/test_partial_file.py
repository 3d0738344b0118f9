"""One descriptor for several writers and one reader."""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, cast

import pytest

from aimodels_fetcher.errors import DiskFullError
from aimodels_fetcher.partial_file import PartialFile
from aimodels_fetcher.workers import StopWorker
from support.workers import WatchedTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_fetcher.parts import Part

MIB = 1 << 20


@pytest.fixture
def target(tmp_path: Path) -> Iterator[WatchedTarget]:
    with closing(WatchedTarget(tmp_path / "x")) as target:
        yield target


def taken(file: PartialFile, sharers: int = 2) -> Part:
    return cast("Part", file.parts.take(sharers))


def test_bytes_go_where_their_part_is(target: WatchedTarget, tmp_path: Path) -> None:
    file = PartialFile(target, 8 * MIB)
    file.open()
    first, second = taken(file), taken(file)
    assert (first.at, second.at) == (0, 4 * MIB)
    assert file.write(second, memoryview(b"second")) == 6
    assert file.write(first, memoryview(b"first")) == 5
    assert file.parts.wait_beyond(0) == 5
    content = (tmp_path / "x").read_bytes()
    assert content[:5] == b"first"
    assert content[4 * MIB :] == b"second"


def test_what_is_no_longer_wanted_is_not_written(target: WatchedTarget, tmp_path: Path) -> None:
    file = PartialFile(target, None)
    file.open()
    part = taken(file)
    file.set_size(3)
    assert file.write(part, memoryview(b"abcdef")) == 3
    assert file.write(part, memoryview(b"def")) == 0
    assert (tmp_path / "x").read_bytes() == b"abc"
    assert file.parts.complete


def test_an_older_file_is_overwritten_when_it_is_opened(
    target: WatchedTarget, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"something older and longer")
    file = PartialFile(target, 3)
    assert (tmp_path / "x").read_bytes()
    file.open()
    file.write(taken(file), memoryview(b"new"))
    file.open()
    assert (tmp_path / "x").read_bytes() == b"new"


def test_the_descriptor_outlives_the_last_writer_and_the_reader(target: WatchedTarget) -> None:
    file = PartialFile(target, 8 * MIB)
    file.open()
    first, second = taken(file), taken(file)
    with file.reading():
        file.close()
        file.give_back([first])
        file.give_back([second])
        assert not target.file.closed
    assert target.file.closed


def test_the_reader_may_be_the_first_to_be_done(target: WatchedTarget) -> None:
    file = PartialFile(target, 8 * MIB)
    with file.reading():
        part = taken(file)
        file.close()
    assert not target.file.closed
    file.give_back([part])
    assert target.file.closed


def test_a_closed_file_takes_nothing(target: WatchedTarget) -> None:
    file = PartialFile(target, 8)
    file.open()
    part = taken(file)
    file.close()
    with pytest.raises(StopWorker):
        file.write(part, memoryview(b"x"))
    with pytest.raises(StopWorker):
        file.parts.wait_beyond(0)
    file.give_back([part])
    assert file.parts.take(1) is None
    assert file.parts.take_all() == []
    with pytest.raises(StopWorker), file.reading():
        pass


def test_a_closed_file_is_not_made(target: WatchedTarget, tmp_path: Path) -> None:
    file = PartialFile(target, 8)
    file.close()
    with pytest.raises(StopWorker):
        file.open()
    assert not (tmp_path / "x").exists()


def test_whoever_waits_is_told_of_the_end(target: WatchedTarget) -> None:
    file = PartialFile(target, None)
    ended = []

    def wait() -> None:
        try:
            file.parts.wait_for_size()
        except StopWorker:
            ended.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.05)
    file.close()
    waiting.join(5)
    assert ended


@pytest.mark.parametrize(("size", "room"), [(8 * MIB, "its 8.0 MiB"), (None, "it")])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch, size: int | None, room: str, number: int
) -> None:
    file = PartialFile(target, size)
    file.open()
    part = taken(file)

    def full(*_: object) -> int:
        raise OSError(number, "full")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskFullError) as caught:
        file.write(part, memoryview(b"x"))
    assert caught.value.message == f"the disk is full: {target.directory} has no room for {room}"
    assert "free some space" in (caught.value.hint or "")
    assert part.at == 0


def test_other_errors_of_the_disk_stay_what_they_are(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = PartialFile(target, 8)
    file.open()

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(OSError, match="broken"):
        file.write(taken(file), memoryview(b"x"))


def test_short_writes_are_continued(
    target: WatchedTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = PartialFile(target, 8)
    file.open()
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: write(fd, data[:3], at))
    assert file.write(taken(file), memoryview(b"abcdefgh")) == 8
    assert (tmp_path / "x").read_bytes() == b"abcdefgh"
