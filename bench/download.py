"""How long a download takes, compared with other programs, from nginx on loopback."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import nginx
import page
import statichub
from clients import (
    ADDED,
    ARIA2,
    CLIENTS,
    CURL,
    DD,
    HF,
    LINKED,
    OPENSSL,
    OURS,
    PREFETCH,
    TREE,
    Client,
    Job,
)
from comparison import RIGHT, Comparison, Run
from harness import Settings, scratch
from pins import Pin, fetch_model, lock, prepare
from process import cost
from report import Figure, Row, absent, columns, row, seconds, size
from support.fake_repo import BLOCK
from support.nginx import PROGRAM
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from statichub import Model

_RATE = 50_000_000  # bytes a second
_MEMORY = 100 << 20
# A virtual machine may give free memory back to its host after some seconds, and to get it again
# takes longer than to write to it. So that all runs find it alike, each waits until that is done.
_PAUSE = 10  # seconds after a GiB or more, fewer after less
_LARGE = 64 << 20  # bytes from which on this is seen
_GIB = 1 << 30
_MORE_REQUESTS = 3  # than there are files
# The time of our fetcher as a ratio to a peer's, which is to be smaller than that.
_TARGETS = {
    ("large", None): {HF: 1 / 2.5, CURL: 1, DD: 1},
    ("large", _RATE): {CURL: 1 / 4, HF: 1 / 2, ARIA2: 0.8},
    ("small", None): {HF: 1 / 5, CURL: 4, ARIA2: 0.7},
}
# The same for what goes into the store: a client of ours, its peer, the ratio.
_STORE_TARGETS = {
    "large": [(LINKED, ADDED, 1 / 1.5)],
    "small": [(LINKED, TREE, 1.5), (LINKED, ADDED, 0.5), (PREFETCH, HF, 1)],
}
_FLOOR = f"{CURL} and {OPENSSL}"


class _Pins(NamedTuple):
    """Of all models by their names. Without Nix, trees are left out.

    Args:
        project: Has the lock of the files pins.
    """

    project: Path
    files: Mapping[str, Pin]
    trees: Mapping[str, Pin]


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between the clients for each model, first without a rate limit, then with one."""
    if PROGRAM is None:
        yield absent("not measured", ["nginx is not installed"])
        return
    comparisons = []
    with scratch() as root, scratch() as directory, ExitStack() as kept:
        models = statichub.make(root, settings.size)
        pins: _Pins | None = None
        for rate in (None, _RATE):
            with scratch() as logs, nginx.Nginx(logs, root, rate) as server:
                pins = pins or _lock(directory, models)
                for model in models:
                    comparison = _measure(
                        Comparison(model, rate), server, pins, settings.runs, kept
                    )
                    sys.stdout.write(f"\n{comparison.title}\n{columns(comparison.lines(), RIGHT)}")
                    sys.stdout.flush()
                    comparisons.append(comparison)
    sys.stdout.write("\n")
    rows = list(_judge(comparisons))
    if settings.docs:
        page.write(settings.docs, comparisons, rows)
    yield from rows


def _lock(directory: Path, models: Sequence[Model]) -> _Pins:
    repos = {model.name: model.repo for model in models}
    files = lock(directory / "files", repos)
    try:
        with environment("host") as nix:
            trees = lock(directory / "trees", repos, "--pin=tree", env=nix.variables())
    except UnavailableError:
        trees = {}
    return _Pins(directory / "files", files, trees)


def _measure(
    comparison: Comparison, server: nginx.Nginx, pins: _Pins, runs: int, kept: ExitStack
) -> Comparison:
    """Run all clients, in the other order every other time."""
    _warm(comparison.model)
    for number in range(runs):
        for client in CLIENTS if number % 2 == 0 else reversed(CLIENTS):
            if comparison.rate and comparison.model.name not in client.limited:
                continue
            if lacking := client.lacks():
                comparison.lacking[client.name] = lacking
                continue
            run = _run(client, comparison.model, server, pins, kept)
            comparison.runs.setdefault(client.name, []).append(run)
    return comparison


def _warm(model: Model) -> None:
    """Read what will be served, so that it lies in memory."""
    for path in model.sizes:
        with (model.directory / path).open("rb", buffering=0) as file:
            while file.read(BLOCK):
                pass


def _run(client: Client, model: Model, server: nginx.Nginx, pins: _Pins, kept: ExitStack) -> Run:
    files = pins.files[model.name]
    with ExitStack() as own:
        # ext4 avoids inodes that were freed in the last minutes: a client that makes many files
        # would pay for those of the one before.
        stack = own if model.total >= _LARGE else kept
        directory = place = stack.enter_context(scratch())
        env: Mapping[str, str] = {}
        if client.store:
            nix = stack.enter_context(environment("host"))
            prepare(nix, fetch_model(files))
            env, place = nix.variables(), nix.real / "store"
        tree = pins.trees.get(model.name)
        job = Job(model, server.url, pins.project, files, tree, directory)
        command = client.command(job)
        os.sync()
        time.sleep(_PAUSE * min(1, model.total / _GIB) if model.total >= _LARGE else 0)
        server.take_log()
        spent = cost(*command, env=env)
        sent = server.take_log()
        if not client.floor:
            _check(client, model, place)
    return Run(spent, len(sent), sum(sent))


def _check(client: Client, model: Model, place: Path) -> None:
    """Exit if a file is missing: a client that writes less would win."""
    found = Counter(path.stat().st_size for path in place.rglob("*") if path.is_file())
    if missing := Counter(model.sizes.values()) - found:
        sys.exit(f"{client.name}: files of these sizes are missing: {dict(missing)}")


def _judge(comparisons: Sequence[Comparison]) -> Iterator[Row]:
    """Return the rows of the targets."""
    for comparison in comparisons:
        for peer, bound in _TARGETS.get((comparison.model.name, comparison.rate), {}).items():
            what = f"{comparison.title}: time"
            if peer in comparison.runs:
                yield row(
                    what, comparison.time(OURS), comparison.time(peer), peer, ratio_under=bound
                )
            else:
                yield _missing(comparison, what, peer)
    large, small = comparisons[0], comparisons[1]
    what = f"{large.title}: CPU time per GiB"
    yield row(what, _per_gib(large, OURS), _per_gib(large, HF), HF, ratio_under=1)
    if lacking := [name for name in (CURL, OPENSSL) if name not in large.runs]:
        yield _missing(large, what, *lacking)
    else:
        floor = Figure([sum(_per_gib(large, name).median for name in (CURL, OPENSSL))], seconds)
        yield row(what, _per_gib(large, OURS), floor, _FLOOR, ratio_under=1.2)
    for comparison in (large, small):
        for client, peer, bound in _STORE_TARGETS[comparison.model.name]:
            what = f"{comparison.title}: {client}"
            if lacking := [name for name in (client, peer) if name not in comparison.runs]:
                yield _missing(comparison, what, *lacking)
            else:
                mine, its = comparison.time(client), comparison.time(peer)
                yield row(what, mine, its, peer, ratio_under=bound)
    count = len(small.model.sizes)
    asked, most = small.requests(OURS), count + _MORE_REQUESTS + 1
    yield row(f"{small.title}: requests", asked, small.requests(HF), HF, under=most)
    what = "memory, the most of all"
    yield row(what, _peak(comparisons, OURS), _peak(comparisons, HF), HF, under=_MEMORY)


def _per_gib(comparison: Comparison, client: str) -> Figure:
    gib = comparison.model.total / _GIB
    return Figure([value / gib for value in comparison.work(client).values], seconds)


def _peak(comparisons: Sequence[Comparison], client: str) -> Figure:
    return Figure([max(max(comparison.memory(client).values) for comparison in comparisons)], size)


def _missing(comparison: Comparison, what: str, *clients: str) -> Row:
    lacking = {f"no {name}" for client in clients for name in comparison.lacking[client]}
    return absent(f"{what}: not measured", lacking)
