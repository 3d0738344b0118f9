"""Hashing content that is not kept."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher import retry, targets
from aimodels_fetcher.content_hashes import Unread, hash_contents
from aimodels_fetcher.download import Download
from aimodels_fetcher.errors import AimodelsError, ContentError, FetchError
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.huggingface import HuggingFace
from aimodels_fetcher.sources.url import Url
from aimodels_fetcher.upstreams import Upstream, Upstreams
from support.fake_repo import BigFile, blob_id, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.loopback import Request


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)


def upstreams(hub: Hub, repo: Repo) -> Upstreams:
    source = HuggingFace(repo.id, repo.sha, "main", repo.type, hub.url, trusted=False)
    return Upstreams([Upstream(source, 4)])


def read(
    hub: Hub,
    files: dict[str, Content],
    scratch: Path,
    connections: int = 4,
    lfs: Sequence[str] = (),
) -> list[RemoteFile | AimodelsError]:
    at = upstreams(hub, hub.add_repo("org/model", files, lfs=list(lfs)))
    unread = [Unread(RemoteFile(path), at) for path in files]
    return [*hash_contents(unread, scratch, connections)]


def test_each_file_gets_its_size_and_hash_in_order(hub: Hub, tmp_path: Path) -> None:
    files: dict[str, Content] = {f"{n}.txt": b"%d" % n * n for n in range(50)}
    files["large.bin"] = BigFile((24 << 20) + 5, 1)
    results = read(hub, files, tmp_path, lfs=["*.bin"])
    assert results == [
        RemoteFile(path, len(content), sha256(content)) for path, content in files.items()
    ]
    assert not list(tmp_path.iterdir())


def test_files_that_are_done_are_let_go(hub: Hub, tmp_path: Path) -> None:
    """A download takes 3 kB, and there may be 100,000."""
    files: dict[str, Content] = {f"{n}.txt": b"%d" % n for n in range(120)}
    at = upstreams(hub, hub.add_repo("org/model", files))
    most = 0

    def done() -> None:
        nonlocal most
        most = max(most, sum(isinstance(one, Download) for one in gc.get_objects()))

    hash_contents((Unread(RemoteFile(path), at) for path in files), tmp_path, 4, done=done)
    assert most < 20


def test_what_is_known_is_kept_and_compared(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", {"a": b"a", "b": b"b", "c": b"c"})
    at = upstreams(hub, repo)
    good = RemoteFile("a", 1, git_blob_id=blob_id(b"a"))
    sizeless = RemoteFile("b", git_blob_id=blob_id(b"b"))
    wrong = RemoteFile("c", 1, git_blob_id=blob_id(b"d"))
    first, second, third = hash_contents(
        [Unread(f, at) for f in (good, sizeless, wrong)], tmp_path, 2
    )
    assert first == replace(good, sha256=sha256(b"a"))
    assert second == replace(sizeless, size=1, sha256=sha256(b"b"))
    assert isinstance(third, ContentError)
    assert (third.path, third.received) == ("c", 1)
    assert f"expected git blob {blob_id(b'd')}, received {blob_id(b'c')}" in third.message


def test_a_failure_does_not_stop_the_others(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", {f"{n}": b"%d" % n for n in range(20)})
    at = upstreams(hub, repo)
    paths = [*map(str, range(10)), "missing", *map(str, range(10, 20))]
    finished: list[None] = []
    received: list[int] = []
    found = hash_contents(
        [Unread(RemoteFile(path), at) for path in paths]
        + [Unread(RemoteFile("elsewhere"), Upstreams([Upstream(Url({}), 1)]))],
        tmp_path,
        3,
        arrived=received.append,
        done=lambda: finished.append(None),
    )
    results = [*found]
    missing, elsewhere = results.pop(10), results.pop()
    assert isinstance(missing, FetchError)
    assert "HTTP 404" in missing.message
    assert isinstance(elsewhere, FetchError)
    assert "no source has" in elsewhere.message
    assert [file.sha256 for file in results if isinstance(file, RemoteFile)] == [
        sha256(b"%d" % n) for n in range(20)
    ]
    assert len(finished) == 22
    assert sum(received) == 30


def test_what_is_not_about_a_file_is_raised(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(hub, {"a": b"a"}, tmp_path / "missing")


@pytest.mark.parametrize("connections", [1, 3])
def test_never_more_requests_at_a_time(hub: Hub, tmp_path: Path, connections: int) -> None:
    files: dict[str, Content] = {f"{n}": b"%d" % n for n in range(30)}
    files["large.bin"] = BigFile(24 << 20, 1)
    running, most, lock = 0, 0, threading.Lock()

    def fault(_: Request) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.05)  # for others to come, on a busy machine too
        with lock:
            running -= 1

    hub.faults = fault
    results = read(hub, files, tmp_path, connections, lfs=["*.bin"])
    assert all(isinstance(result, RemoteFile) for result in results)
    assert most == connections


def test_a_large_file_takes_little_space(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "_SCRATCH_AHEAD", 16 << 20)
    most = 0
    discard = targets.ScratchTarget.discard

    def watched(self: targets.ScratchTarget, file: Any, start: int, end: int) -> None:
        nonlocal most
        most = max(most, os.fstat(file.fileno()).st_blocks * 512)
        discard(self, file, start, end)

    monkeypatch.setattr(targets.ScratchTarget, "discard", watched)
    content = BigFile(192 << 20, 1)
    (result,) = read(hub, {"large.bin": content}, tmp_path, lfs=["*.bin"])
    assert result == RemoteFile("large.bin", content.size, sha256(content))
    assert 0 < most < 96 << 20
