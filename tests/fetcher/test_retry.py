"""How often and how long: without waiting, since the waits are what is looked at."""

from __future__ import annotations

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
