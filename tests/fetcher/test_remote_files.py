"""Rows of listings that take little memory."""

from __future__ import annotations

import tracemalloc

from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.sources.base import RemoteFile

FILES = [
    RemoteFile("a/b.txt", 7, None, "1b" * 20),
    RemoteFile("é\n\udcff", None, "0a" * 32, lfs=True),
    RemoteFile("", 1 << 62, "00" * 32, "ff" * 20, lfs=False, etag='"x"', version="v", most=5),
    RemoteFile("odd", 0, "", "AB" * 20, etag="", version=""),
    RemoteFile("odder", 0, "not hex", "a b "),
]


def test_files_come_back_as_they_were() -> None:
    files = RemoteFiles(FILES[:3])
    for file in FILES[3:]:
        files.append(file)
    assert list(files) == FILES
    assert [files[number] for number in range(len(files))] == FILES
    assert files[-1:] == FILES[-1:]
    assert files == RemoteFiles(FILES) != RemoteFiles(FILES[1:])


def test_what_is_taken_out_is_gone() -> None:
    files = RemoteFiles(FILES)
    left = []
    for file, expected in zip(files.emptied(), FILES, strict=True):
        assert file == expected
        left.append(len(files))
    assert left == [4, 3, 2, 1, 0]


def test_many_files_take_little_memory() -> None:
    """250,000 of them have to fit below 50 MB."""
    count = 2000
    tracemalloc.start()
    try:
        files = RemoteFiles(
            RemoteFile(f"data/train/shard-00000/part-000/image_{number:08}.jpg", number, "ab" * 32)
            for number in range(count)
        )
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(files) == count
    assert taken < 200 * count
