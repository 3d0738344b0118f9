"""What the commands of every day cost with many models, and a Hub that is far away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aimodels_gen.lock.options import DEFAULT_JOBS
from delay import Delay
from harness import BIN, HubProcess, Settings, scratch
from pins import write_manifest
from process import cost
from report import Figure, Row, row, seconds, size
from support.fake_repo import BigFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fake_repo import Content

_EACH = 8 << 20  # bytes of --size for each model; their own do not matter
_MOST = 200
_LARGE, _SMALL = 7, 5  # files of each
_LATENCY = 0.05  # seconds
_SLACK = 1.3
_LONGEST = 0.5  # seconds
_MOST_MEMORY = 200 << 20


def measure(settings: Settings) -> Iterator[Row]:
    """Lock, and then run what finds nothing to do."""
    number = max(2, min(_MOST, settings.size // _EACH))
    repos = {f"model-{n}": f"bench/model-{n}" for n in range(number)}
    what = f"{number} models of {_LARGE + _SMALL} files"
    contents = {repo: _files(n) for n, repo in enumerate(repos.values())}
    with (
        HubProcess(contents) as hub,
        Delay(os.environ["HF_ENDPOINT"], _LATENCY),
        scratch() as directory,
    ):
        write_manifest(directory / "project", repos)
        manifest = directory / "project/models.toml"
        lock = (BIN / "aimodels-gen", "lock", "-m", manifest, "-o", manifest.with_suffix(".nix"))
        first = cost(*lock)
        log = hub.take_log()
        least = len(log) * _LATENCY / DEFAULT_JOBS
        yield row(f"{what}: lock, time", Figure([first.seconds], seconds), under=_SLACK * least)
        # The Hub redirects each request for a file to where the file is.
        questions = sum(request.status not in {302, 307} for request in log) / number
        under = 2 + _SMALL + 0.01
        yield row(f"{what}: lock, requests a model", _number(questions), under=under)
        yield row(f"{what}: lock, memory", Figure([first.memory], size), under=_MOST_MEMORY)
        for name, command in (
            ("lock, unchanged", lock),
            ("lock --check", (*lock[:2], "--check", "-m", manifest)),
            ("list", (lock[0], "list", "-m", manifest)),
        ):
            took = [cost(*command).seconds for _ in range(settings.runs)]
            yield row(f"{what}: {name}, time", Figure(took, seconds), under=_LONGEST)
        yield row(f"{what}: these, requests", _number(len(hub.take_log())), under=1)
        yield from _moved(hub, manifest, what, number)


def _moved(hub: HubProcess, manifest: Path, what: str, number: int) -> Iterator[Row]:
    """Ask whether something has moved, and make a lock from what the user's cache has."""
    outputs = ("-o", manifest.with_suffix(".nix"))
    for name, arguments, most in (
        ("update, nothing moved", ("update", *outputs), 1),
        ("outdated", ("outdated",), 1),
        ("a new lock", ("lock", *outputs), 1),
    ):
        if name == "a new lock":
            manifest.with_suffix(".lock").unlink()
        took = cost(BIN / "aimodels-gen", *arguments, "-m", manifest)
        yield row(f"{what}: {name}, time", Figure([took.seconds], seconds))
        requests = len(hub.take_log()) / number
        yield row(f"{what}: {name}, requests a model", _number(requests), under=most + 0.01)


def _number(value: float) -> Figure:
    return Figure([value], lambda number: f"{number:.1f}")


def _files(number: int) -> dict[str, Content]:
    large = {f"model-{n}.safetensors": BigFile(2000, 100 * number + n) for n in range(_LARGE)}
    return {
        **large,
        **{f"{n}.json": b'{"model": %d, "n": %d}' % (number, n) for n in range(_SMALL)},
    }
