"""What a lock costs, compared with downloading the model to hash it."""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING

from harness import HubProcess, Meter, Settings, model, run, scratch, snapshot
from pins import lock
from report import Figure, Row, row, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPO = "bench/model"
_PEER = "snapshot_download, nix-hash"
_LARGE = 140e9  # bytes: a model of 70 billion parameters
_LINE = 100e6  # bytes a second
_MIB = 1 << 20


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between locking and downloading."""
    locking, downloading, hashing = Meter(), Meter(), Meter()
    asked, fetched = [], []
    with HubProcess({_REPO: model(settings.size)}) as hub, scratch() as directory:
        for number in range(settings.runs):
            project = directory / str(number)
            with locking:
                lock(project, {"m": _REPO})
            asked.append(_sent(hub))
            with scratch() as cache:
                with downloading:
                    run(*snapshot(_REPO, cache))
                with hashing:
                    run("nix-hash", "--type", "sha256", cache / "models--bench--model")
            fetched.append(_sent(hub))

    sent, time = Figure(asked, size), Figure(locking.seconds, seconds)
    peer = Figure(list(map(add, downloading.seconds, hashing.seconds)), seconds)
    yield row("bytes sent by the Hub", sent, Figure(fetched, size), "snapshot_download", under=_MIB)
    yield row("time", time, peer, _PEER, ratio_under=0.1)
    # Computed, for a large model over a real line: locking fetches no byte of it.
    rate = settings.size / Figure(hashing.seconds, seconds).median
    time = Figure([time.median + sent.median / _LINE], seconds)
    peer = Figure([_LARGE / _LINE + _LARGE / rate], seconds)
    yield row("computed: 140 GB at 100 MB/s", time, peer, _PEER)


def _sent(hub: HubProcess) -> int:
    return sum(request.sent_bytes for request in hub.take_log())
