"""How long five repositories take into the store, and another program for its cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import statichub
from evaluation import count
from harness import BIN, LOOP, Meter, Settings, run, scratch
from nginx import Nginx
from pins import lock
from report import Figure, Row, absent, row, seconds, size
from support.nginx import PROGRAM
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SHARE = 3 / 5  # of --size, for all repositories together
_PEER = "hf download in a loop"
_TARGET = 0.8


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between a prefetch into a new store and the other program, each with no cache."""
    if PROGRAM is None:
        yield absent("not measured", ["nginx is not installed"])
        return
    with scratch() as root, scratch() as directory, scratch() as logs:
        total = int(settings.size * _SHARE)
        repos = statichub.make_five(root, total)
        with Nginx(logs, root, None) as server:
            try:
                yield from _measure(server, directory, repos, settings.runs)
            except UnavailableError as error:
                yield absent("not measured", [str(error)])


def _measure(server: Nginx, directory: Path, repos: Mapping[str, str], runs: int) -> Iterator[Row]:
    ours, peer = Meter(), Meter()
    asked: dict[str, list[int]] = {}
    lock(directory / "project", repos)
    manifest = directory / "project/models.toml"

    def prefetch() -> None:
        with environment("host") as nix, scratch() as cache:
            env = {**nix.variables(), "XDG_CACHE_HOME": str(cache)}
            run("nix-store", "--verify", env=env)  # makes the database of the store
            with ours:
                run(BIN / "aimodels-gen", "prefetch", "--quiet", "-m", manifest, env=env)
        asked["ours"] = server.take_log()

    def download() -> None:
        with scratch() as cache, peer:
            run("sh", "-ec", LOOP, BIN / "hf", cache, *repos.values())
        asked["peer"] = server.take_log()

    server.take_log()
    for number in range(runs):
        for measured in (prefetch, download) if number % 2 == 0 else (download, prefetch):
            measured()
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
