"""How many connections there are: by speed, by faults, and by what others on the machine have."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from aimodels_fetcher import concurrency
from aimodels_fetcher.concurrency import ConcurrencyController
from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.progress import ByteCounter
from aimodels_fetcher.worker_pool import WorkerPool
from aimodels_fetcher.workers import StopWorker
from support.hub import BigFile
from support.specs import EVERYTHING, source, sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.fetcher import Fetch
    from support.hub import Hub, Request, Response

MB = 1e6
LIMITED = {"per connection": lambda n: n * 50 * MB, "in all": lambda _: 1000 * MB}


def settle(
    level: ConcurrencyController, speed: Callable[[int], float], looks: int = 30
) -> list[int]:
    counts = []
    for _ in range(looks):
        level.look(speed(level.now))
        counts.append(level.now)
    return counts


def test_more_while_that_makes_it_faster() -> None:
    level = ConcurrencyController(16)
    assert settle(level, LIMITED["per connection"])[:4] == [4, 8, 16, 16]
    assert level.now == 16


def test_as_few_as_do_it() -> None:
    level = ConcurrencyController(16)
    counts = settle(level, LIMITED["in all"], 500)
    assert set(counts) == {2, 4}
    assert counts.count(2) > 4 * counts.count(4), "what did not pay is tried again, but not at once"


def test_connections_get_time_to_start() -> None:
    """A connection over a long way brings nothing for its first few looks."""
    level = ConcurrencyController(16)
    for speed in [*[100] * 15, *[200] * 15, *[400] * 15]:
        level.look(speed * MB)
    assert level.now == 16


def test_never_more_than_the_user_allows() -> None:
    assert max(settle(ConcurrencyController(5), LIMITED["per connection"])) == 5
    assert max(settle(ConcurrencyController(1), LIMITED["per connection"])) == 1


def test_half_as_many_when_a_server_has_enough() -> None:
    level = ConcurrencyController(16)
    settle(level, LIMITED["per connection"])
    level.back_off()
    assert level.now == 8
    assert settle(level, LIMITED["per connection"], 50)[-1] == 8, "not at once again"
    assert settle(level, LIMITED["per connection"], 200)[-1] == 16
    for _ in range(10):
        level.back_off()
    assert level.now == 1


def test_no_more_while_nothing_comes() -> None:
    level = ConcurrencyController(16)
    settle(level, lambda _: 0.0, 500)
    assert level.now == 2


CONNECT = """
import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(5)]
print(flush=True)
sys.stdin.read()
"""

# In a process of its own: this one may have connections from other tests.
COUNT = """
import socket, sys
from aimodels_fetcher import peer_connections
for port in map(int, sys.argv[1:]):
    with socket.create_connection(("127.0.0.1", port)):
        print(peer_connections.count())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has a table of connections to read")
def test_others_on_this_machine_are_counted() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as ours,
    ):
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", CONNECT, port]
        with subprocess.Popen(command, stdin=-1, stdout=-1) as other:
            assert other.stdin
            assert other.stdout
            other.stdout.readline()
            count = [sys.executable, "-c", COUNT, str(ours.getsockname()[1]), port]
            counts = subprocess.run(count, stdout=-1, text=True, check=True).stdout.split()
            other.stdin.close()
    assert counts == ["0", "5"], "those that have nothing to do with a server do not count"


def test_the_user_decides_how_many_at_most(hub: Hub, fetch: Fetch) -> None:
    files = {f"{n}.txt": b"%d" % n for n in range(50)}
    repo = hub.add_repo("org/model", {**files, "big.bin": BigFile(48 << 20, 3)}, lfs=["*.bin"])

    def fault(request: Request) -> Response | None:
        answer = hub.answer(request)
        # A Hub says in words as well where it redirects to.
        return (
            dataclasses.replace(answer, body=b"Found.") if "Location" in answer.headers else answer
        )

    hub.faults = fault
    env = {"AIMODELS_MAX_CONNECTIONS": "1"}
    run = fetch("tree", source(hub, repo), env=env, **EVERYTHING)
    assert run.status == 0, run.log
    # One to the endpoint and one to the CDN, for over a hundred requests.
    assert sum(request.turn == 1 for request in hub.log) == 2
    assert len(hub.log) > 100


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_bad_limit_is_refused(hub: Hub, fetch: Fetch, value: str) -> None:
    repo = hub.add_repo("org/model", {"a": b"a"})
    env = {"AIMODELS_MAX_CONNECTIONS": value}
    run = fetch("file", source(hub, repo), env=env, path="a", hash=sri(b"a"), size=1)
    assert run.status == 1
    assert f"AIMODELS_MAX_CONNECTIONS='{value}' is not a number of at least 1" in run.log


class FakeJob:
    """A job of a number of steps; a step may fail."""

    def __init__(self, pool: WorkerPool, steps: int, error: BaseException | None = None) -> None:
        self.left = steps
        self.running = 0
        self.abandoned = False
        self._pool = pool
        self._error = error
        self._lock = threading.Lock()

    @property
    def finished(self) -> bool:
        return not self.left and not self.running

    @property
    def wanting(self) -> bool:
        return bool(self.left)

    @property
    def sharers(self) -> int:
        return self.running

    def take(self, sharers: int) -> Callable[[memoryview], None] | None:
        assert sharers
        if not self.left or self.abandoned:
            return None
        self.left -= 1
        self.running += 1
        return self.step

    def step(self, buffer: memoryview) -> None:
        assert len(buffer)
        self._pool.counter.add(1 << 20)
        time.sleep(0.001)
        with self._lock:
            self.running -= 1
        self._pool.wake()
        if self._error and not self.left:
            raise self._error

    def abandon(self) -> None:
        self.abandoned = True


def pool(most: int = 4) -> WorkerPool:
    return WorkerPool(most, ByteCounter())


def test_all_jobs_are_done() -> None:
    workers = pool()
    jobs = [FakeJob(workers, 5) for _ in range(50)]
    workers.run(iter(jobs))
    assert all(job.finished for job in jobs)


@pytest.mark.parametrize("most", [1, 4])
def test_jobs_that_end_aside_do_not_end_the_run(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without bytes, of which there is nothing to take: they end whenever they have."""
    workers = pool(most)
    jobs = [FakeJob(workers, n % 2) for n in range(20)]
    for job in jobs[::2]:
        job.running = 1

        def take(_: int, job: FakeJob = job) -> None:
            job.running = 0

        monkeypatch.setattr(job, "take", take)
    workers.run(iter(jobs))
    assert [n for n, job in enumerate(jobs) if not job.finished] == []


@pytest.mark.parametrize(("processors", "most"), [(1, 2), (2, 2), (4, 4), (64, 16)])
def test_no_more_than_processors_where_bytes_wait_for_us(
    processors: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "_processors", lambda: processors)
    level = ConcurrencyController(16)
    for _ in range(30):
        level.look(level.now * 50 * MB, queued=True)
    assert level.now == most


def test_no_more_while_servers_wait_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_processors", lambda: 2)
    workers = pool()
    jobs = [FakeJob(workers, 300) for _ in range(2)]
    add = workers.counter.add
    monkeypatch.setattr(workers.counter, "add", lambda count: add(count, queued=True))
    workers.run(iter(jobs))
    assert workers._controller.now == 2  # noqa: SLF001


def test_nothing_to_do_is_soon_done() -> None:
    pool().run(iter([]))


def test_the_first_failure_ends_the_run() -> None:
    workers = pool()
    bad = FakeJob(workers, 3, FetchError("bad"))
    # More steps than are done before the failure, however slow the machine is.
    jobs = [FakeJob(workers, 10**6), bad, *[FakeJob(workers, 10**6) for _ in range(5)]]
    # It still has a step to come back from when it fails.
    bad.running = 1
    with pytest.raises(FetchError, match="bad"):
        workers.run(iter(jobs))
    assert jobs[0].abandoned
    assert bad.abandoned
    assert not jobs[-1].finished


def test_failures_may_be_passed_on_while_the_others_go_on() -> None:
    workers = pool()
    jobs = [FakeJob(workers, 3, FetchError(f"{n}") if n % 3 == 0 else None) for n in range(30)]
    for job in jobs[::3]:
        job.running = 1
    failed: list[tuple[object, str]] = []
    workers.run(iter(jobs), lambda job, error: failed.append((job, str(error))))
    assert sorted(failed, key=lambda each: int(each[1])) == [
        (jobs[n], f"{n}") for n in range(0, 30, 3)
    ]
    assert all(job.finished for n, job in enumerate(jobs) if n % 3)
    assert all(job.abandoned for job in jobs[::3])


def test_a_failure_of_whoever_is_told_ends_the_run() -> None:
    workers = pool()
    job = FakeJob(workers, 3, FetchError("bad"))
    job.running = 1

    def failed(*_: object) -> NoReturn:
        raise LookupError("worse")

    with pytest.raises(LookupError, match="worse"):
        workers.run(iter([job]), failed)


def test_a_failure_to_make_the_next_job_ends_the_run() -> None:
    workers = pool()

    def jobs() -> Iterator[FakeJob]:
        yield FakeJob(workers, 2)
        raise FetchError("no more")

    with pytest.raises(FetchError, match="no more"):
        workers.run(jobs())


def test_a_task_aside_may_fail_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = pool()
    job = FakeJob(workers, 1)
    job.running = 1  # until the task aside is done

    def fail() -> NoReturn:
        raise FetchError("aside")

    monkeypatch.setattr(job, "step", lambda _: workers.start(job, fail))
    with pytest.raises(FetchError, match="aside"):
        workers.run(iter([job]))


def test_whoever_waits_between_two_tries_stops_with_the_run() -> None:
    workers = pool()
    workers._running = 3  # noqa: SLF001 (more than there should be)
    with pytest.raises(StopWorker):
        workers.sleep(60)
    workers = pool()
    workers.sleep(0.001)
    workers._stop()  # noqa: SLF001
    with pytest.raises(StopWorker):
        workers.sleep(60)


def test_fewer_connections_once_a_second() -> None:
    workers = pool(8)
    controller = workers._controller  # noqa: SLF001
    controller.now = 8
    workers.notice(TransientError("no"))
    assert controller.now == 8
    for _ in range(3):
        workers.notice(TransientError("crowded", crowded=True))
    assert controller.now == 4
