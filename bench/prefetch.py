"""How long five repositories take into the store, and another program for its cache."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import statichub
from evaluation import count
from five import alternate, new_store, served
from harness import BIN, LOOP, Meter, Settings, run, scratch
from report import Figure, Row, row, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nginx import Nginx

_SHARE = 3 / 5  # of --size, for all repositories together
_PEER = "hf download in a loop"
_TARGET = 0.8


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between a prefetch into a new store and the other program, each with no cache."""
    return served(int(settings.size * _SHARE), partial(_measure, settings.runs))


def _measure(runs: int, server: Nginx, directory: Path, repos: Mapping[str, str]) -> Iterator[Row]:
    ours, peer = Meter(), Meter()
    asked: dict[str, list[int]] = {}
    manifest = directory / "project/models.toml"

    def prefetch() -> None:
        with new_store() as env, ours:
            run(BIN / "aimodels-gen", "prefetch", "--quiet", "-m", manifest, env=env)
        asked["ours"] = server.take_log()

    def download() -> None:
        with scratch() as cache, peer:
            run("sh", "-ec", LOOP, BIN / "hf", cache, *repos.values())
        asked["peer"] = server.take_log()

    alternate(runs, prefetch, download)
    sent = {name: sum(log) for name, log in asked.items()}
    what = f"{len(repos)} repositories, {statichub.SMALL_OF_FIVE} small files, {size(sent['ours'])}"
    its = Figure(peer.seconds, seconds)
    yield row(
        f"{what}: prefetch, time", Figure(ours.seconds, seconds), its, _PEER, ratio_under=_TARGET
    )
    figures = {name: Figure([len(log)], count) for name, log in asked.items()}
    yield row(f"{what}: prefetch, requests", figures["ours"], figures["peer"], _PEER)
    written = Figure(ours.written, size), Figure(peer.written, size)
    yield row(f"{what}: prefetch, bytes written", *written, _PEER)
