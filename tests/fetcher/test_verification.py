"""Hashing behind those who write, and comparing with what was listed."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, cast

import pytest

from aimodels_fetcher import verification
from aimodels_fetcher.digests import Verifier, hex_to_sri
from aimodels_fetcher.partial_file import PartialFile
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.verification import hash_behind, is_another, mismatch
from aimodels_fetcher.workers import StopWorker
from support.fake_repo import blob_id, sha256
from support.workers import WatchedTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_fetcher.parts import Part

CONTENT = bytes(range(256)) * 40
GOOD = RemoteFile("x", len(CONTENT), sha256(CONTENT), blob_id(CONTENT))


@pytest.fixture
def target(tmp_path: Path) -> Iterator[WatchedTarget]:
    with closing(WatchedTarget(tmp_path / "x")) as target:
        yield target


def hashed(content: bytes, *, git: bool = False) -> Verifier:
    verifier = Verifier(len(content) if git else None)
    verifier.update(content)
    return verifier


def test_it_follows_those_who_write(target: WatchedTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of unknown size at first, in pieces, with a gap, and into a buffer smaller than a piece."""
    monkeypatch.setattr(verification, "_DISCARD_BYTES", 1000)
    file = PartialFile(target, None)
    results: list[Verifier] = []
    discarded: list[None] = []
    ranges: list[tuple[int, int]] = []
    monkeypatch.setattr(target, "discard", lambda _, start, end: ranges.append((start, end)))
    reader = threading.Thread(
        target=lambda: results.append(
            hash_behind(
                file,
                memoryview(bytearray(700)),
                git=True,
                discarded=lambda: discarded.append(None),
            )
        )
    )
    reader.start()
    file.open()
    first = cast("Part", file.parts.take(None))
    file.set_size(len(CONTENT))
    half = len(CONTENT) // 2
    first.end = half
    second = first.__class__(half, len(CONTENT))
    file.parts._parts._taken.append(second)  # noqa: SLF001 (two writers)
    file.write(second, memoryview(CONTENT)[half:])
    file.write(first, memoryview(CONTENT)[:100])
    file.write(first, memoryview(CONTENT)[100:half])
    file.give_back([first, second])
    reader.join(10)
    (got,) = results
    assert (got.size, got.sha256, got.git_blob_id) == (GOOD.size, GOOD.sha256, GOOD.git_blob_id)
    assert len(discarded) == len(CONTENT) // 1400
    # All that was read, once: what is not discarded holds back the writers of a scratch file.
    assert len(ranges) == len(discarded)
    assert [start for start, _ in ranges] == [0, *(end for _, end in ranges[:-1])]
    assert len(CONTENT) - ranges[-1][1] < 1000


def test_it_stops_with_the_file(target: WatchedTarget) -> None:
    file = PartialFile(target, 10)
    file.close()
    with pytest.raises(StopWorker):
        hash_behind(file, memoryview(bytearray(10)), git=False)


def test_a_file_that_is_cut_is_no_endless_wait(target: WatchedTarget, tmp_path: Path) -> None:
    file = PartialFile(target, 10)
    file.open()
    part = cast("Part", file.parts.take(1))
    file.write(part, memoryview(bytes(10)))
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(OSError, match="was cut while it was read"):
        hash_behind(file, memoryview(bytearray(10)), git=False)


@pytest.mark.parametrize(
    ("remote", "validators", "found"),
    [
        (GOOD, 1, None),
        (GOOD, 2, None),
        (RemoteFile("x"), 1, None),
        (RemoteFile("x", len(CONTENT)), 1, None),
        (RemoteFile("x"), 2, "expected one file, received parts of several"),
        (RemoteFile("x", 1), 1, f"expected 1 byte, received {len(CONTENT)}"),
        (
            RemoteFile("x", sha256="0" * 64),
            1,
            f"expected {hex_to_sri('0' * 64)}, received {hex_to_sri(sha256(CONTENT))}",
        ),
        (
            RemoteFile("x", git_blob_id="0" * 40),
            2,
            f"expected git blob {'0' * 40}, received {blob_id(CONTENT)}",
        ),
    ],
)
def test_what_differs_is_named(remote: RemoteFile, validators: int, found: str | None) -> None:
    assert mismatch(remote, hashed(CONTENT, git=True), validators) == found


@pytest.mark.parametrize(
    ("etag", "headers", "another"),
    [
        (None, {"ETag": '"a"'}, False),
        ('"a"', {"ETag": '"a"'}, False),
        ("a", {"ETag": '"a"'}, False),
        ("a", {"ETag": '"b"'}, True),
        ("a", {}, False),
        ("Sat, 28 Nov 2026 07:00:00 GMT", {"ETag": '"b"'}, False),
        (
            "Sat, 28 Nov 2026 07:00:00 GMT",
            {"Last-Modified": "Sat, 28 Nov 2026 07:00:00 GMT"},
            False,
        ),
        ("Sat, 28 Nov 2026 07:00:00 GMT", {"Last-Modified": "Sat, 28 Nov 2026 07:00:01 GMT"}, True),
    ],
)
def test_another_etag_or_date_is_another_file(
    etag: str | None, headers: dict[str, str], *, another: bool
) -> None:
    assert is_another(etag, headers) == another
