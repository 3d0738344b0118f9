"""How often and how long: without waiting, since the waits are what is looked at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import retry
from aimodels_fetcher.errors import FetchError, TransientError
from support.specs import source, sri

if TYPE_CHECKING:
    from support.fetcher import Fetch
    from support.hub import Hub


class Attempts:
    """Fails as often as told, and notes the waits in between."""

    def __init__(self, failures: int, *, asked: float | None = None, progress: int = 0) -> None:
        self.left = failures
        self.asked = asked
        self.step = progress
        self.size = 0
        self.waits: list[float] = []

    def __call__(self) -> str:
        self.left -= 1
        self.size += self.step
        if self.left >= 0:
            raise TransientError("the connection was reset", self.asked)
        return "done"

    def run(self) -> str:
        return retry.retrying(
            self,
            progress=lambda: self.size,
            sleep=self.waits.append,
            clock=lambda: float(sum(self.waits)),
        )


def test_waits_grow_with_jitter_and_have_a_limit() -> None:
    attempts = Attempts(5)
    assert attempts.run() == "done"
    bounds = [min(30.0, 0.5 * 2**n) for n in range(5)]
    assert all(b / 2 <= w <= b for w, b in zip(attempts.waits, bounds, strict=True))


def test_gives_up_after_six_tries() -> None:
    attempts = Attempts(6)
    with pytest.raises(FetchError, match="gave up after 6 tries: the connection was reset"):
        attempts.run()
    assert len(attempts.waits) == 5


def test_progress_makes_patience_new() -> None:
    attempts = Attempts(50, progress=1 << 10)
    assert attempts.run() == "done"
    assert max(attempts.waits) <= 0.5


def test_what_only_drips_is_no_progress() -> None:
    attempts = Attempts(50, progress=20)
    with pytest.raises(FetchError, match="gave up after 6 tries"):
        attempts.run()


@pytest.mark.parametrize(("asked", "waited"), [(42.0, 42.0), (86400.0, 330.0)])
def test_a_wait_that_the_server_names_is_kept_within_reason(asked: float, waited: float) -> None:
    attempts = Attempts(1, asked=asked)
    attempts.run()
    assert attempts.waits == [waited]


def test_a_person_does_not_wait_for_long() -> None:
    attempts = Attempts(1, asked=86400.0)
    with pytest.raises(FetchError, match="gave up after 1 try: the connection was reset"):
        retry.retrying(attempts, patience=retry.LONGEST_ASKED_WAIT, sleep=attempts.waits.append)
    assert attempts.waits == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 86400 "}, 86400.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"RateLimit": '"resolvers";r=0;t=42'}, 42.0),
        ({"RateLimit": '"resolvers";r=7;t=42'}, None),
        ({"RateLimit": '"api";r=0;t=²'}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "Fri, 99 Jan 1970 00:00:00 GMT"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 +99999999999999999999"}, None),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2300"}, 604800.0),
        ({"Retry-After": "9" * 400}, 604800.0),
        ({"RateLimit": f'"api";r=0;t={"9" * 400}'}, 604800.0),
        ({"Retry-After": "soon", "RateLimit": '"api";r=0;t=3'}, 3.0),
        ({}, None),
    ],
)
def test_what_a_server_asks_for(
    headers: dict[str, str], seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "time", SimpleNamespace(time=lambda: 60.0))
    assert retry.asked_wait(headers) == seconds


def test_no_request_is_held_back_for_longer_than_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    slept = SimpleNamespace(
        monotonic=lambda: clock[0], sleep=lambda seconds: clock.append(clock.pop() + seconds)
    )
    monkeypatch.setattr(retry, "time", slept)
    limit = retry.RateLimit()
    limit.wait()
    assert clock == [1000.0]
    limit.note(86400.0)
    limit.wait()
    assert 1330.0 <= clock[0] < 1331.0


def test_an_unreachable_server_is_named(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("o/m", {"a": b"a"})
    patched_fetcher = fetch.but(retry__FIRST_WAIT=1e-3)
    dead = source(hub, repo, endpoint="http://127.0.0.1:9")
    run = patched_fetcher("file", dead, path="a", hash=sri(b"a"), size=1)
    assert run.status == 1
    assert "error: o/m@" in run.log
    assert "gave up after 6 tries: http://127.0.0.1:9/o/m/resolve/" in run.log
    assert "Connection refused" in run.log
    assert "hint: check the network" in run.log


def test_a_limit_is_told_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    slept = SimpleNamespace(
        monotonic=lambda: clock[0], sleep=lambda seconds: clock.append(clock.pop() + seconds)
    )
    monkeypatch.setattr(retry, "time", slept)
    told: list[str] = []
    monkeypatch.setattr(retry, "warn", told.append)
    limit = retry.RateLimit()
    for _ in range(8):
        limit.note(20.0, "hub.example", " (a token raises the limit)")
    limit.wait()
    line = "rate limited by hub.example; waiting 20 s (a token raises the limit)"
    assert told == [line]
    limit.note(20.0, "hub.example", " (a token raises the limit)")
    assert told == [line, line], "it is limited again"
