"""Asking one upstream after the other, and what their responses may be."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest

from aimodels_fetcher import retry
from aimodels_fetcher.body import receive
from aimodels_fetcher.errors import DiskFullError, FetchError, StatusError, TransientError
from aimodels_fetcher.partial_file import PartialFile
from aimodels_fetcher.progress import ByteCounter
from aimodels_fetcher.range_download import RangeDownload
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.workers import StopWorker
from support.workers import Body, RecordingWorkers, ScriptedClient, WatchedTarget, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_fetcher.parts import Part

CONTENT = b"0123456789"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.0)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[WatchedTarget]:
    with closing(WatchedTarget(tmp_path / "x")) as target:
        yield target


class Scene:
    """A range download from servers `a`, `b`, ... of a file of `size` bytes."""

    def __init__(
        self,
        target: WatchedTarget,
        size: int | None,
        *servers: ScriptedClient,
        remote: RemoteFile | None = None,
        kind: type[Upstreams] = Upstreams,
    ) -> None:
        upstreams = scripted(*servers, kind=kind)
        first = upstreams.first("x")
        assert first
        self.workers = RecordingWorkers()
        self.file = PartialFile(target, size)
        self.file.open()
        remote = remote or RemoteFile("x", size)
        self.download = RangeDownload(remote, upstreams, first, self.file, self.workers)

    def take(self, sharers: int = 2) -> Part | None:
        return self.download.take(sharers)

    def fetch(self, part: Part | None = None) -> None:
        part = part or self.take()
        assert part
        try:
            self.download.fetch(part, memoryview(bytearray(1 << 16)))
        finally:
            self.file.give_back([part])


def part_of(content: bytes, start: int, end: int) -> Body:
    return Body(content[start:end], start=start, partial=True, total=len(content), capped=True)


def test_a_small_file_is_asked_for_whole(target: WatchedTarget, tmp_path: Path) -> None:
    server = ScriptedClient(Body(CONTENT, total=10, validator="v"))
    scene = Scene(target, 10, server)
    scene.fetch()
    assert scene.file.parts.complete
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.asked == [("http://a.example.org/x", None)]
    assert [validator for _, validator in scene.download.validators] == ["v"]
    assert scene.workers.counter.received == 10


def test_one_worker_finds_out_whether_there_are_ranges(target: WatchedTarget) -> None:
    content = bytes(12 * MIB)
    first = part_of(content, 0, 4 * MIB)
    scene = Scene(target, len(content), ScriptedClient(first))
    part = scene.take()
    others: list[Part | None] = []
    first.before = lambda: others.append(scene.take(8)) if not others else None
    assert scene.take() is None, "nobody knows yet"
    scene.fetch(part)
    assert others[0] is not None, "the others join as soon as it has answered"
    assert scene.workers.woken


def test_a_server_without_ranges_is_asked_by_one_worker(target: WatchedTarget) -> None:
    content = bytes(12 * MIB)
    whole = Body(content[: 6 * MIB], total=len(content), capped=False)
    server = ScriptedClient(whole, TransientError("again"), Body(content, total=len(content)))
    scene = Scene(target, len(content), server)
    others: list[Part | None] = []
    whole.before = lambda: others.append(scene.take(8))
    scene.fetch()
    assert not any(others)
    assert scene.file.parts.complete is False or scene.take() is None
    while not scene.file.parts.complete:
        scene.fetch()
    assert {wanted for _, wanted in server.asked} <= {None, (0, 4 * MIB), (6 * MIB, 12 * MIB)}


@pytest.mark.parametrize(
    "bad",
    [
        Body(b"12345", start=1, partial=True, total=10),
        Body(b"12345", start=None, partial=True),
        Body(CONTENT, start=0, partial=True, total=10, encoding="gzip"),
        StatusError(416, "", "http://a.example.org/x"),
    ],
    ids=["elsewhere", "nowhere", "encoded", "416"],
)
def test_a_server_that_is_bad_at_ranges_is_asked_without(
    target: WatchedTarget, bad: Body | Exception
) -> None:
    twice = [bad, bad] if isinstance(bad, Exception) else [Body(**vars_of(bad)) for _ in range(2)]
    server = ScriptedClient(*twice, Body(CONTENT, total=10))
    scene = Scene(target, 10, server)
    part = scene.take()
    assert part
    part.at = 2  # as after a break: the rest is asked for
    scene.file.write(part, memoryview(b""))
    scene.fetch(part)
    assert [wanted for _, wanted in server.asked] == [(2, 10), (2, 10), None]
    assert scene.take() is None


def vars_of(body: Body) -> dict[str, Any]:
    return {k: v for k, v in vars(body).items() if k not in {"pieces", "before", "url", "type"}}


def test_a_size_that_a_server_knows_is_taken_over(target: WatchedTarget) -> None:
    scene = Scene(target, None, ScriptedClient(part_of(CONTENT, 0, 10)))
    scene.fetch()
    assert scene.file.parts.size == 10
    assert scene.file.parts.complete


def test_a_range_of_a_file_of_unknown_size_is_not_trusted(target: WatchedTarget) -> None:
    unknown = [Body(CONTENT, start=0, partial=True) for _ in range(2)]
    server = ScriptedClient(*unknown, Body(CONTENT))
    scene = Scene(target, None, server)
    scene.fetch()
    assert server.asked[-1][1] is None
    assert scene.file.parts.size == 10


def test_a_size_that_differs_is_said(target: WatchedTarget) -> None:
    scene = Scene(
        target, 10, ScriptedClient(*[Body(CONTENT, total=11) for _ in range(retry.TRIES)])
    )
    with pytest.raises(FetchError, match=r"expected 10 bytes, but .* has 11 \(text/plain\)"):
        scene.fetch()


def test_an_unknown_size_that_does_not_fit_is_said(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "room", lambda: 9)
    scene = Scene(
        target, None, ScriptedClient(*[Body(CONTENT, total=10) for _ in range(retry.TRIES)])
    )
    with pytest.raises(FetchError, match=r"the disk is full: .* has 9 B free, but .* has 10 B"):
        scene.fetch()
    monkeypatch.setattr(target, "room", lambda: 10)
    scene = Scene(target, None, ScriptedClient(Body(CONTENT, total=10)))
    scene.fetch()


def test_the_next_one_is_asked_after_a_refusal(target: WatchedTarget, said: list[str]) -> None:
    first = ScriptedClient(StatusError(404, "", "http://a.example.org/x"))
    second = ScriptedClient(Body(CONTENT, total=10))
    scene = Scene(target, 10, first, second)
    scene.fetch()
    assert not scene.file.parts.complete, "the part is taken again"
    scene.fetch()
    assert scene.file.parts.complete
    assert scene.download.upstream_url[1] == "http://b.example.org/x"
    assert "HTTP 404" in said[0]


def test_fewer_tries_where_there_is_another_one(target: WatchedTarget) -> None:
    first = ScriptedClient(*[TransientError("down", crowded=True)] * retry.TRIES)
    second = ScriptedClient(*[TransientError("down too")] * retry.TRIES)
    scene = Scene(target, 10, first, second)
    scene.fetch()
    assert len(first.asked) == retry.TRIES_BEFORE_ANOTHER
    with pytest.raises(FetchError, match="gave up after 6 tries: down too"):
        scene.fetch()
    assert len(second.asked) == retry.TRIES
    assert [fault.crowded for fault in scene.workers.noticed] == [True] * 2 + [False] * 6


def test_more_tries_where_much_may_be_lost(target: WatchedTarget) -> None:
    server = ScriptedClient(*[TransientError("down")] * retry.PATIENT_TRIES)
    scene = Scene(target, 10, server)
    scene.workers.counter.add(1)
    with pytest.raises(FetchError, match="gave up after 12 tries"):
        scene.fetch()


def test_only_the_first_worker_changes_the_upstream(target: WatchedTarget) -> None:
    content = bytes(12 * MIB)
    refusal = StatusError(404, "", "http://a.example.org/x")
    first = ScriptedClient(part_of(content, 0, 4 * MIB), refusal, refusal)
    second, third = ScriptedClient(), ScriptedClient()
    scene = Scene(target, len(content), first, second, third)
    scene.fetch()
    one, other = scene.take(), scene.take()
    active = scene.download._active  # noqa: SLF001 (the race, held open)
    scene.fetch(one)
    assert scene.download.upstream_url[1] == "http://b.example.org/x"
    # The other worker has been asking the first one in the meantime.
    scene.download._leave(active, FetchError("late"), refusal)  # noqa: SLF001 (the race, held open)
    assert scene.download.upstream_url[1] == "http://b.example.org/x"
    assert other


def test_no_other_one_helps_where_the_disk_is_full(
    target: WatchedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(target, 10, ScriptedClient(Body(CONTENT, total=10)), ScriptedClient())

    def full(*_: object) -> int:
        raise DiskFullError("the disk is full", "free some space")

    monkeypatch.setattr(scene.file, "write", full)
    with pytest.raises(DiskFullError) as caught:
        scene.fetch()
    assert caught.value.message.endswith(" x: the disk is full")
    assert caught.value.hint == "free some space"


def test_nothing_is_asked_for_a_closed_file(target: WatchedTarget) -> None:
    server = ScriptedClient()
    scene = Scene(target, 10, server)
    part = scene.take()
    scene.file.close()
    with pytest.raises(StopWorker):
        scene.fetch(part)
    assert server.asked == []


BUFFER = memoryview(bytearray(4))


def received(target: WatchedTarget, size: int | None, body: Body) -> PartialFile:
    file = PartialFile(target, size)
    file.open()
    part = file.parts.take(1)
    assert part
    try:
        receive(cast("Any", body), file, part, BUFFER, ByteCounter())
    finally:
        file.give_back([part])
    return file


def test_a_body_that_ends_is_the_size_of_a_file_without_one(target: WatchedTarget) -> None:
    file = received(target, None, Body(b"012", b"345678"))
    assert file.parts.size == 9
    assert file.parts.complete


@pytest.mark.parametrize(
    ("body", "survives"),
    [
        (Body(b"01234", start=0, partial=True, capped=True), True),
        (Body(b"01234", start=0, partial=True, capped=False), False),
        (Body(start=0, partial=True, capped=True), False),
    ],
    ids=["less than asked for", "cut", "nothing"],
)
def test_a_short_body(target: WatchedTarget, body: Body, *, survives: bool) -> None:
    if survives:
        file = received(target, 10, body)
        assert file.parts.wait_beyond(0) == 5
        return
    with pytest.raises(TransientError, match=r"the connection ended after \d of 10 bytes"):
        received(target, 10, body)


def test_what_fills_the_buffer_at_once_had_been_waiting_for_us(target: WatchedTarget) -> None:
    file = PartialFile(target, 10)
    file.open()
    part = file.parts.take(1)
    assert part
    counter = ByteCounter()
    receive(cast("Any", Body(b"0123", b"45", b"67", b"89")), file, part, BUFFER, counter)
    assert (counter.received, counter.queued) == (10, 4)


def test_what_is_there_already_is_skipped(target: WatchedTarget, tmp_path: Path) -> None:
    file = PartialFile(target, 10)
    file.open()
    part = file.parts.take(1)
    assert part
    file.write(part, memoryview(b"0123"))
    receive(
        cast("Any", Body(b"xxxx4", b"56789")), file, part, memoryview(bytearray(3)), ByteCounter()
    )
    assert (tmp_path / "x").read_bytes() == CONTENT
    file = PartialFile(target, 10)
    file.open()
    part = file.parts.take(1)
    assert part
    file.write(part, memoryview(b"0123"))
    with pytest.raises(TransientError, match="ended early"):
        receive(cast("Any", Body(b"xx")), file, part, memoryview(bytearray(3)), ByteCounter())


class Strict(Upstreams):
    """Of files without a checksum, all bytes must be shown to be of one file."""

    strict = True

    def checks_etags(self, upstream: Upstream, url: str) -> bool:
        return bool(upstream and url)


def strictly(target: WatchedTarget, remote: RemoteFile, *servers: ScriptedClient) -> Scene:
    return Scene(target, remote.size, *servers, remote=remote, kind=Strict)


def test_a_file_that_has_been_replaced_is_refused(target: WatchedTarget) -> None:
    remote = RemoteFile("x", 10, etag='"old"')
    replaced = ScriptedClient(Body(CONTENT, headers={"ETag": '"new"'}))
    with pytest.raises(FetchError, match="has another ETag than when it was listed"):
        strictly(target, remote, replaced).fetch()
    same = strictly(target, remote, ScriptedClient(Body(CONTENT, headers={"ETag": '"old"'})))
    same.fetch()
    assert same.file.parts.complete


def test_the_rest_is_asked_for_of_the_same_version(target: WatchedTarget) -> None:
    first = Body(CONTENT[:5], total=10, validator='"one"')
    second = Body(CONTENT[5:], start=5, partial=True, total=10, validator='"one"')
    server = ScriptedClient(first, second)
    Scene(target, 10, server).fetch()
    assert server.if_ranges == [None, '"one"']


def test_weak_etags_show_nothing(target: WatchedTarget) -> None:
    first = Body(CONTENT[:5], total=10, validator='W/"one"')
    second = Body(CONTENT[5:], start=5, partial=True, total=10, validator='W/"one"')
    server = ScriptedClient(first, second)
    Scene(target, 10, server).fetch()
    assert server.if_ranges == [None, None]


def test_where_nothing_shows_the_version_a_file_comes_with_one_response(
    target: WatchedTarget,
) -> None:
    server = ScriptedClient(Body(CONTENT[:5], total=10), Body(CONTENT, total=10))
    scene = strictly(target, RemoteFile("x", 10), server)
    scene.fetch()
    assert server.asked[1][1] is None, "no range"
    assert len(scene.download.validators) == 2, "the verification takes them for two files"
    known = strictly(
        target, RemoteFile("x", 10, sha256="0" * 64), ScriptedClient(Body(CONTENT, total=10))
    )
    known.fetch()
    assert [validator for _, validator in known.download.validators] == [None]
