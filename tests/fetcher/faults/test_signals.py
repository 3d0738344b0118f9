"""Runs that are ended in the middle, and those after them."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from support.faults import ALWAYS, Fault, edited, spoil, stalls
from support.matrix import LARGE, SMALL
from support.specs import EVERYTHING, file_pin, source
from support.verdict import check_log, check_tokens

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub
    from support.verdict import Verdict

FILES: dict[str, Content] = {
    "config.json": b"{}",
    "model.safetensors": SMALL,
    "large.safetensors": LARGE,
}
PIN = file_pin("large.safetensors", LARGE)


@pytest.mark.parametrize("mode", ["file", "tree"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ended_during_a_part(
    hub: Hub, fetch: Fetch, verdict: Verdict, mode: str, number: signal.Signals
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    spoil(hub, Fault("", edited(stalls(0.5)), ALWAYS))
    spec, content = (PIN, LARGE) if mode == "file" else (EVERYTHING, FILES)
    running = fetch.but(connections__READ_SECONDS=60).start(mode, source(hub, repo), **spec)
    running.until(lambda: hub.sent_bytes > 1 << 20)
    running.process.send_signal(number)
    run = running.wait(seconds=5)
    assert run.status in {-number, 128 + number}
    check_log(run.log)
    check_tokens(hub)

    hub.faults = lambda _request: None
    assert not (run.out / "refs").exists(), "an entry that looks finished"
    if number == signal.SIGKILL and mode == "tree":
        shutil.rmtree(run.out)  # as Nix does
    verdict(fetch(mode, source(hub, repo), out=run.out, **spec), content)
