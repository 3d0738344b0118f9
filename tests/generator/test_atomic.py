from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.atomic import write_atomic
from generator.helpers import names_in

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    assert write_atomic(tmp_path / "f", b"x")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_mode_is_kept_and_equal_bytes_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old")
    file.chmod(0o640)
    assert write_atomic(file, b"new")
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.stat()
    assert not write_atomic(file, b"new")
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names_in(tmp_path) == ["f"]


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("dir/target")
    for content in (b"first", b"second"):
        assert write_atomic(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "dir" / "target").read_bytes() == content


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert write_atomic(pipe, b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomic(file, b"new")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"old"
    assert names_in(tmp_path) == ["f"]


def test_an_interrupt_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "f", b"new")
    assert names_in(tmp_path) == []
