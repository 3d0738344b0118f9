from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.atomic import Transaction
from generator.helpers import names_in, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Runner


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


def both(directory: Path, first: bytes, second: bytes) -> None:
    with Transaction() as files:
        files.write(directory / "first", first)
        files.write(directory / "second", second)


def test_files_of_a_transaction_change_together(tmp_path: Path) -> None:
    both(tmp_path, b"1", b"2")
    both(tmp_path, b"3", b"2")
    assert (tmp_path / "first").read_bytes() == b"3"
    assert (tmp_path / "second").read_bytes() == b"2"
    assert names_in(tmp_path) == ["first", "second"]


def test_one_that_cannot_be_staged_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"old")
    missing = tmp_path / "missing" / "second"
    with pytest.raises(FileNotFoundError) as caught:
        change(tmp_path / "first", missing)
    assert caught.value.filename == str(missing)
    assert (tmp_path / "first").read_bytes() == b"old"
    assert names_in(tmp_path) == ["first"]


def change(*paths: Path, then: Callable[[], object] = lambda: None) -> None:
    with Transaction() as files:
        for path in paths:
            files.write(path, b"new")
        then()


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("links", [True, False])
def test_one_that_cannot_be_renamed_undoes_those_before_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,  # noqa: FBT001 (a parameter of the test)
    links: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Also on file systems that have no hard links."""
    if there:
        (tmp_path / "first").write_bytes(b"old")
    if not links:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    second = tmp_path / "second"
    with pytest.raises(OSError, match="second"):
        change(tmp_path / "first", second, then=second.mkdir)
    if there:
        assert (tmp_path / "first").read_bytes() == b"old"
    assert names_in(tmp_path) == (["first", "second"] if there else ["second"])


def test_an_exception_in_the_block_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        change(tmp_path / "first", then=lambda: 1 // 0)
    assert (tmp_path / "first").read_bytes() == b"old"
    assert names_in(tmp_path) == ["first"]


def test_a_pipe_that_breaks_leaves_the_files(tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"old")
    with pytest.raises(OSError, match="/dev/full"):
        change(tmp_path / "first", Path("/dev/full"))
    assert (tmp_path / "first").read_bytes() == b"old"


def test_a_file_that_is_read_only_stays_as_it_is(tmp_path: Path, unprivileged: Runner) -> None:
    """The directory would allow it; root may write everything, so that another user tries."""
    tmp_path.chmod(0o777)
    file = tmp_path / "f"
    file.write_bytes(b"old")
    file.chmod(0o444)
    code = (
        "import sys; from pathlib import Path; from aimodels_gen.atomic import Transaction\n"
        "with Transaction() as files: files.write(Path(sys.argv[1]), b'new')"
    )
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = unprivileged(sys.executable, "-c", code, file, env={**os.environ, **env})
    assert "PermissionError" in done.stderr
    assert file.read_bytes() == b"old"
    assert names_in(tmp_path) == ["f"]
