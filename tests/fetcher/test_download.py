"""The job of one file: handing out, verifying, starting over, being abandoned."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import retry
from aimodels_fetcher.download import Download
from aimodels_fetcher.errors import ContentError, FetchError
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.workers import StopWorker
from support.fake_repo import sha256
from support.workers import Body, RecordingWorkers, ScriptedClient, WatchedTarget, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_fetcher.digests import Verifier

CONTENT = b"0123456789"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[WatchedTarget]:
    with closing(WatchedTarget(tmp_path / "x")) as target:
        yield target


class Scene:
    """A download whose workers are this thread."""

    def __init__(self, target: WatchedTarget, remote: RemoteFile, *servers: ScriptedClient) -> None:
        self.workers = RecordingWorkers()
        self.verified: list[Verifier] = []
        self.job = Download(remote, scripted(*servers), target, self.workers, self.verified.append)

    def step(self) -> None:
        task = self.job.take(1)
        assert task
        task(memoryview(bytearray(64)))
        # What it leaves to another thread comes after it here.
        while self.workers.started:
            self.workers.started.pop(0)()


def test_a_small_file_is_verified_by_whoever_fetched_it(
    target: WatchedTarget, tmp_path: Path
) -> None:
    scene = Scene(target, RemoteFile("x", 10, sha256(CONTENT)), ScriptedClient(Body(CONTENT)))
    assert scene.job.wanting
    assert not scene.job.finished
    scene.step()
    assert scene.job.finished
    assert not scene.job.wanting
    assert not scene.job.sharers
    assert [got.sha256 for got in scene.verified] == [sha256(CONTENT)]
    assert target.file.closed
    assert scene.workers.woken
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_file_of_unknown_size_is_verified_aside(target: WatchedTarget) -> None:
    scene = Scene(target, RemoteFile("x"), ScriptedClient(Body(CONTENT)))
    scene.step()
    assert scene.job.finished
    assert [got.size for got in scene.verified] == [10]


def test_an_empty_file_needs_no_request(target: WatchedTarget, tmp_path: Path) -> None:
    scene = Scene(target, RemoteFile("x", 0, sha256(b"")), ScriptedClient())
    assert scene.job.take(1) is None
    assert scene.job.take(1) is None
    (task,) = scene.workers.started
    task()
    assert scene.job.finished
    assert (tmp_path / "x").read_bytes() == b""


@pytest.mark.parametrize(
    "bodies",
    [
        # The same twice: that is what the server has.
        [b"012345678x"] * 2,
        [b"012345678x", b"012345678y", b"012345678z"],
    ],
)
def test_wrong_content_is_fetched_again(
    target: WatchedTarget, said: list[str], bodies: list[bytes]
) -> None:
    client = ScriptedClient(*map(Body, bodies))
    scene = Scene(target, RemoteFile("x", 10, sha256(CONTENT)), client)
    for _ in bodies[1:]:
        scene.step()
    assert sum("fetching it again" in line for line in said) == len(bodies) - 1
    with pytest.raises(ContentError) as caught:
        scene.step()
    assert (caught.value.path, caught.value.received) == ("x", 10)
    assert "expected sha256-" in caught.value.message
    assert "(10 B of text/plain)" in caught.value.message
    assert "http://a.example.org/x" in (caught.value.hint or "")
    assert scene.workers.counter.received == 10 * len(bodies)
    assert scene.workers.counter.kept == 10
    assert not scene.job.finished
    assert not scene.verified


def test_wrong_content_is_asked_of_the_next_one(target: WatchedTarget) -> None:
    wrong, right = ScriptedClient(Body(b"012345678x")), ScriptedClient(Body(CONTENT))
    scene = Scene(target, RemoteFile("x", 10, sha256(CONTENT)), wrong, right)
    scene.step()
    scene.step()
    assert scene.job.finished


def test_parts_of_several_versions_are_no_file(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing else identifies the content."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.0)
    bodies = [
        Body(CONTENT[:5], total=10, validator="old"),
        Body(CONTENT[5:], start=5, partial=True, total=10, validator="new"),
    ]
    scene = Scene(
        target, RemoteFile("x", 10), ScriptedClient(*bodies, Body(CONTENT, validator="new"))
    )
    scene.step()
    assert not scene.job.finished
    scene.step()
    assert scene.job.finished


def test_a_file_that_no_source_has_is_refused(target: WatchedTarget) -> None:
    with pytest.raises(FetchError, match="no source has a URL for 'y'"):
        Scene(target, RemoteFile("y"), ScriptedClient())


def test_an_abandoned_job_does_nothing_more(target: WatchedTarget, tmp_path: Path) -> None:
    scene = Scene(target, RemoteFile("x", 10), ScriptedClient())
    task = scene.job.take(1)
    assert task
    scene.job.abandon()
    with pytest.raises(StopWorker):
        task(memoryview(bytearray(64)))
    assert scene.job.take(1) is None
    assert not (tmp_path / "x").exists()


def test_a_job_that_is_abandoned_does_not_start_over(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = Body(b"012345678x")
    scene = Scene(target, RemoteFile("x", 10, sha256(CONTENT)), ScriptedClient(body))
    monkeypatch.setattr(
        "aimodels_fetcher.download.say", lambda _: scene.job.abandon()
    )  # while it makes ready for the next try
    scene.step()
    assert scene.job.take(1) is None


def test_it_starts_over_while_a_response_is_put_away(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a file of unknown size: with its last byte it is whole, and may be found to be wrong.

    What the first worker does after that must not touch the second try.
    """
    scene = Scene(
        target,
        RemoteFile("x", sha256=sha256(CONTENT)),
        ScriptedClient(Body(b"half"), Body(CONTENT)),
    )
    first = scene.job.take(1)
    assert first
    file = scene.job._attempt.file  # noqa: SLF001 (the race has to be held open from within)
    resize = file.parts.resize
    verifying: list[threading.Thread] = []

    def resize_and_start_over(size: int) -> None:
        resize(size)
        if size == 4:
            thread = threading.Thread(target=scene.workers.started.pop(0))
            thread.start()
            thread.join()
            verifying.append(thread)
            scene.step()

    monkeypatch.setattr(file.parts, "resize", resize_and_start_over)
    first(memoryview(bytearray(64)))
    assert verifying
    assert scene.job.finished
    assert (tmp_path / "x").read_bytes() == CONTENT
