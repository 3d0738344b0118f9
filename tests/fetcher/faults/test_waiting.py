"""Rate limits, and signatures that expire: what comes right for those who ask again."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from support.fake_repo import BigFile
from support.faults import CONTENT, RESOLVE, Fault, spoil
from support.fetcher import PYTHONS
from support.loopback import Response
from support.matrix import LARGE
from support.specs import EVERYTHING, file_pin, source

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub
    from support.loopback import Request
    from support.verdict import Verdict

PIN = file_pin("model.safetensors", LARGE)


def limited(code: int, where: str, **headers: Callable[[], str]) -> Fault:
    """A limit that is met once."""

    def change(*_: object) -> Response:
        named = {name.replace("_", "-"): value() for name, value in headers.items()}
        return Response(code, named)

    # The first part finds out where the content is.
    return Fault("", change, range(1) if where == RESOLVE else range(1, 2), where)


@pytest.mark.parametrize("fetch", [PYTHONS["old-requests"]], indirect=True)
@pytest.mark.parametrize(
    "fault",
    [
        limited(429, CONTENT, Retry_After=lambda: "1"),
        limited(429, RESOLVE, Retry_After=lambda: "1"),
        # A date has whole seconds: this one is at least one of them ahead.
        limited(429, CONTENT, Retry_After=lambda: formatdate(time.time() + 2, usegmt=True)),
        limited(429, RESOLVE, RateLimit=lambda: '"resolvers";r=0;t=1'),
        limited(503, CONTENT, Retry_After=lambda: "1"),
    ],
    ids=["seconds", "endpoint", "date", "RateLimit", "503"],
)
def test_nobody_asks_before_the_time_that_a_server_names(
    hub: Hub, fetch: Fetch, verdict: Verdict, fault: Fault
) -> None:
    repo = hub.add_repo("org/model", {"model.safetensors": LARGE}, lfs=["*"])
    spoil(hub, fault)
    verdict(fetch("file", source(hub, repo), **PIN), LARGE)
    refused = next(request for request in hub.log if request.status in {429, 503})
    # A tenth of a second for what was on its way.
    later = [r.at - refused.at for r in hub.log if r.at > refused.at + 0.1]
    assert min(later) > 0.9
    assert f"HTTP {refused.status}" in fetch.started[0].said.read_text()


def expire(hub: Hub, when: Container[int]) -> None:
    """An hour passes before some of the answers that carry content."""

    def change(request: Request, answer: Callable[[Request], Response]) -> Response:
        hub.now += 3601
        return answer(request)

    spoil(hub, Fault("", change, when))


@pytest.mark.parametrize("when", [range(2, 3), range(2, 99, 2)], ids=["once", "often"])
def test_expired_signatures_are_renewed(
    hub: Hub, fetch: Fetch, verdict: Verdict, when: range
) -> None:
    repo = hub.add_repo("org/model", {"model.safetensors": LARGE}, lfs=["*"])
    expire(hub, when)
    verdict(fetch("file", source(hub, repo), **PIN), LARGE)
    assert any(request.status == 403 for request in hub.log)
    # What was there is not fetched again.
    assert hub.sent_bytes < LARGE.size + 9999


def test_signatures_of_many_files_expire(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    files: dict[str, Content] = {f"{n}.safetensors": BigFile(9 << 20, seed=n) for n in range(6)}
    repo = hub.add_repo("org/model", files, lfs=["*"])
    expire(hub, range(3, 99, 3))
    verdict(fetch("tree", source(hub, repo), **EVERYTHING), files)


def test_signatures_that_have_expired_when_they_come(
    hub: Hub, fetch: Fetch, verdict: Verdict
) -> None:
    repo = hub.add_repo("org/model", {"model.safetensors": LARGE}, lfs=["*"])
    expire(hub, range(99))
    verdict(fetch("file", source(hub, repo), **PIN), LARGE, refused="gave up after .*HTTP 403")
