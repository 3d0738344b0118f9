"""Files of which some bytes are there: what is fetched of them, and what is noted."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.partial_file import PartialFile
from aimodels_fetcher.resumable import PresentTarget, ResumableTarget

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 64 << 20


def resumable(directory: Path) -> ResumableTarget:
    return ResumableTarget(directory / "x", directory / "notes")


def noted(directory: Path) -> object:
    return json.loads((directory / "notes").read_text())


def test_what_is_missing_is_noted_when_it_is_closed(tmp_path: Path) -> None:
    file = PartialFile(resumable(tmp_path), SIZE)
    with closing(file):
        file.open()
        first, second = file.parts.take(2), file.parts.take(2)
        assert first
        assert second
        file.write(first, memoryview(b"first"))
        file.write(second, memoryview(b"second"))
        file.give_back([first, second])
    gaps = [[5, first.end], [second.start + 6, SIZE]]
    assert noted(tmp_path) == {"size": SIZE, "missing": gaps}

    again = resumable(tmp_path)
    assert again.present(SIZE) == 11
    assert again.present(SIZE + 1) == 0
    file = PartialFile(again, SIZE)
    with closing(file):
        file.open()
        assert file.parts.wait_beyond(0) == 5
        part = file.parts.take(2)
        assert part
        assert part.at == 5
        file.give_back([part])
    assert (tmp_path / "x").read_bytes()[:5] == b"first"


def test_wrong_bytes_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(SIZE))
    (tmp_path / "notes").write_text(json.dumps({"size": SIZE, "missing": []}))
    target = resumable(tmp_path)
    first = PartialFile(target, SIZE)
    assert first.parts.complete
    target.forget()
    first.close()
    assert not (tmp_path / "notes").exists()
    with closing(PartialFile(target, SIZE)) as second:
        second.open()
        assert second.parts.missing == [(0, SIZE)]
    assert (tmp_path / "x").stat().st_size == 0


@pytest.mark.parametrize(
    "notes",
    [
        "",
        "[" * 100_000,
        "null",
        '{"size": 67108864}',
        '{"size": 67108864, "missing": [[5]]}',
        '{"size": 67108864, "missing": [[9, 5]]}',
        '{"size": 67108864, "missing": [[5, 9], [8, 67108864]]}',
        '{"size": 67108864, "missing": [[5, 67108865]]}',
        # The file has no more than three bytes.
        '{"size": 67108864, "missing": [[5, 67108864]]}',
        '{"size": 67108864, "missing": [[0, 1]]}',
    ],
)
def test_notes_that_make_no_sense(tmp_path: Path, notes: str) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "notes").write_text(notes)
    target = resumable(tmp_path)
    assert target.present(SIZE) == 0
    assert target.parts(SIZE).missing == [(0, SIZE)]


def test_notes_that_cannot_be_written(tmp_path: Path) -> None:
    target = ResumableTarget(tmp_path / "x", tmp_path / "none" / "notes")
    file = PartialFile(target, SIZE)
    file.open()
    part = file.parts.take(2)
    assert part
    assert file.write(part, memoryview(b"abc")) == 3
    file.give_back([part])
    file.close()


def test_a_file_that_is_there_is_only_verified(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    target = PresentTarget(tmp_path / "y", tmp_path / "x")
    assert target.present(3) == 3
    with closing(PartialFile(target, 3)) as file:
        assert file.parts.complete
        file.open()
    assert (tmp_path / "y").read_bytes() == b"abc"
    target.forget()
    assert target.parts(3).missing == [(0, 3)]
    target.open().close()
    assert (tmp_path / "y").read_bytes() == b""
    assert PresentTarget(tmp_path / "y", tmp_path / "x").parts(4).missing == [(0, 4)]
    assert PresentTarget(tmp_path / "y", tmp_path / "none").parts(4).missing == [(0, 4)]
