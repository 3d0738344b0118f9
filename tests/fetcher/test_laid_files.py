"""The files of an entry while it is laid out."""

from __future__ import annotations

import pytest

from aimodels_fetcher.layout import LaidFile, LaidFiles


def test_files_come_back_as_they_were() -> None:
    given = {
        "é/a": LaidFile("0a" * 32, 0, "00" * 20),
        "a/b.txt": LaidFile("00" * 32, 7, "1b" * 20),
        "a.txt": LaidFile("00" * 32, 7, "1b" * 20),
        "a": LaidFile("ff" * 32, 7, None),
        "model.safetensors": LaidFile("2c" * 32, (1 << 62) + 5, None),
    }
    laid = LaidFiles()
    for path, file in given.items():
        laid.add(path, file)
    assert dict(laid) == given
    assert len(laid) == len(given)
    assert list(laid) == sorted(given)
    with pytest.raises(KeyError):
        laid["a/b"]
