"""Files that stay, and scratch files that give their space back."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import targets
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.targets import FileTarget, ScratchTarget

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def test_a_file_stays(tmp_path: Path) -> None:
    target = FileTarget(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"older")
    with target.open() as file:
        os.pwrite(file.fileno(), b"new", 0)
        target.discard(file, 0, 3)
        assert file.read() == b"new"
    assert (tmp_path / "x").read_bytes() == b"new"
    assert target.room()
    assert target.directory == tmp_path


def test_a_scratch_file_has_no_name_and_gives_space_back(tmp_path: Path) -> None:
    target = ScratchTarget(tmp_path)
    assert target.room() is None
    with target.open() as file:
        os.pwrite(file.fileno(), b"x" * (4 * MIB), 0)
        full = os.fstat(file.fileno()).st_blocks
        assert not list(tmp_path.iterdir())
        target.discard(file, 0, 3 * MIB)
        if sys.platform == "linux":
            assert os.fstat(file.fileno()).st_blocks < full // 2
        assert os.fstat(file.fileno()).st_size == 4 * MIB
        assert os.pread(file.fileno(), 2, 3 * MIB) == b"xx"


@pytest.mark.parametrize("without", ["another system", "another C library"])
def test_space_is_kept_where_it_cannot_be_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    targets._fallocate.cache_clear()  # noqa: SLF001 (as on another machine)
    if without == "another system":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    target = ScratchTarget(tmp_path)
    with target.open() as file:
        os.pwrite(file.fileno(), b"x", 0)
        target.discard(file, 0, 1)
        assert os.pread(file.fileno(), 1, 0) == b"x"
    targets._fallocate.cache_clear()  # noqa: SLF001


def test_scratch_files_are_taken_in_small_parts_not_far_ahead(tmp_path: Path) -> None:
    parts = ScratchTarget(tmp_path).parts(UNKNOWN)
    taken = [part for part in iter(lambda: parts.take(32), None) if part]
    assert {part.left for part in taken} == {8 * MIB}
    assert taken[-1].at == 256 * MIB
    assert FileTarget(tmp_path / "x").parts(UNKNOWN).take(32)
