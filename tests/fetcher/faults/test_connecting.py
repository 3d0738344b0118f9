"""Servers that cannot be reached, at first or ever, or that are reached by too many."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.fake_repo import BigFile
from support.faults import ALWAYS, Fault, edited, slowed, spoil
from support.hub import Hub
from support.loopback import Response
from support.matrix import LARGE, SMALL
from support.specs import EVERYTHING, file_pin, source
from support.verdict import TOKEN, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.fake_repo import Content
    from support.faults import Change
    from support.fetcher import Fetch
    from support.loopback import Request

PATH = "model.safetensors"


@pytest.mark.parametrize("mode", ["file", "tree"])
def test_a_server_that_comes_up_late(
    fetch: Fetch, record_property: Callable[[str, object], None], mode: str
) -> None:
    with Hub(listening=False) as hub:
        hub.allow(TOKEN)
        repo = hub.add_repo("org/model", {PATH: SMALL}, lfs=["*"])
        spec = file_pin(PATH, SMALL) if mode == "file" else EVERYTHING
        running = fetch.but(retry__FIRST_WAIT=0.2).start(mode, source(hub, repo), **spec)
        running.until(lambda: running.says("Connection refused"))
        hub.server.listen()
        content = SMALL if mode == "file" else {PATH: SMALL}
        Verdict(hub, record_property)(running.wait(), content)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://127.0.0.1:9", "gave up after .*127.0.0.1:9.*Connection refused"),
        ("http://hub.invalid", "gave up after .*hub.invalid.*(not known|resolution)"),
    ],
)
def test_a_server_that_cannot_be_reached(
    hub: Hub, fetch: Fetch, verdict: Verdict, endpoint: str, said: str
) -> None:
    repo = hub.add_repo("org/model", {PATH: SMALL}, lfs=["*"])
    for mode, spec in (("file", file_pin(PATH, SMALL)), ("tree", EVERYTHING)):
        run = fetch(mode, source(hub, repo, endpoint=endpoint), **spec)
        content = SMALL if mode == "file" else {PATH: SMALL}
        verdict(run, content, refused=f"{said}[^$]*hint: check the network")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a program another /etc/hosts takes root")
def test_a_name_that_is_known_only_later(
    hub: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path
) -> None:
    repo = hub.add_repo("org/model", {PATH: SMALL}, lfs=["*"])
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    mounted = f"mount --bind '{hosts}' /etc/hosts && exec \"$@\""
    launcher = ("unshare", "--mount", "--propagation", "private", "sh", "-c", mounted, "sh")
    hub.url = hub.url.replace("127.0.0.1", "hub.test")
    running = fetch.but(retry__FIRST_WAIT=0.2).start(
        "file", source(hub, repo), launcher=launcher, **file_pin(PATH, SMALL)
    )
    running.until(lambda: running.says("hub.test"))
    with hosts.open("a") as file:
        file.write("127.0.0.1 hub.test\n")
    verdict(running.wait(), SMALL)


def patient(fetch: Fetch) -> Fetch:
    """It uses fewer connections from second to second, and may not give up before."""
    return fetch.but(retry__FIRST_WAIT=0.2, retry__LONGEST_WAIT=2.0)


def busy_above(hub: Hub, most: int, code: int, seconds: float = 0.03) -> Fault:
    """A server that refuses more requests at once than so many, and takes its time for those."""

    def change(request: Request, answer: Callable[[Request], Response]) -> Response:
        if hub.server.in_flight > most:
            return Response(code)
        return slowed(seconds)(answer(request))

    return Fault("busy", change, ALWAYS)


@pytest.mark.parametrize("limit", ["429", "503", "connections"])
def test_a_server_for_very_few_at_once(
    hub: Hub, fetch: Fetch, verdict: Verdict, limit: str
) -> None:
    """A fetcher that would like more connections does not mistake that for an outage."""
    repo = hub.add_repo("org/model", {PATH: LARGE}, lfs=["*"])
    if limit == "connections":
        hub.server.most_connections = 2
        spoil(hub, Fault("slow", edited(slowed(0.03)), ALWAYS))
    else:
        spoil(hub, busy_above(hub, 1, int(limit)))
    run = patient(fetch)("file", source(hub, repo), **file_pin(PATH, LARGE))
    verdict(run, LARGE)
    assert hub.server.turned_away or any(r.status in {429, 503} for r in hub.log)


def together(change: Change, fetchers: int) -> Change:
    """Answer the first requests of so many fetchers, each for a file, once all have come."""
    barrier = threading.Barrier(fetchers)
    asked: set[str] = set()

    def wait(request: Request, answer: Callable[[Request], Response]) -> Response:
        path = request.path.partition("/resolve/")[2]
        if path and path not in asked:
            asked.add(path)
            barrier.wait(timeout=30)
        return change(request, answer)

    return wait


@pytest.mark.parametrize("limit", ["503", "connections"])
def test_several_fetchers_at_a_server_for_four_at_once(
    hub: Hub, fetch: Fetch, verdict: Verdict, limit: str
) -> None:
    files: dict[str, Content] = {f"{n}.safetensors": BigFile(9 << 20, seed=n) for n in range(3)}
    repo = hub.add_repo("org/model", files, lfs=["*"])
    if limit == "connections":
        hub.server.most_connections = 4
        fault = Fault("slow", edited(slowed(0.1)), ALWAYS)
    else:
        fault = busy_above(hub, 4, 503, seconds=0.1)
    spoil(hub, replace(fault, change=together(fault.change, len(files))))
    running = [
        patient(fetch).start("file", source(hub, repo), **file_pin(path, content))
        for path, content in files.items()
    ]
    for run, content in zip(running, files.values(), strict=True):
        verdict(run.wait(), content)
    assert hub.server.turned_away or any(r.status == 503 for r in hub.log)
