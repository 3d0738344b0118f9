"""How much memory the fetcher uses for models of different sizes, and how much it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import ONCE, HubProcess, Meter, Settings, model, scratch, snapshot
from pins import Pin, fetching, lock
from process import cost
from report import Figure, Row, row, size
from support.hub import BigFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LIMIT = 100 << 20
_FILE = "model.safetensors"
_PEER = "snapshot_download"


def measure(settings: Settings) -> Iterator[Row]:
    """Fetch three sizes, each as one file, as a tree, and with huggingface_hub."""
    sizes = [settings.size // 128, settings.size // 8, settings.size]
    files = {f"bench/file-{n}": {_FILE: BigFile(n)} for n in sizes}
    trees = {f"bench/tree-{n}": model(n) for n in sizes}
    writing = Meter()
    with HubProcess({**files, **trees}), scratch() as directory:
        repos = {repo.partition("/")[2]: repo for repo in (*files, *trees)}
        pins = lock(directory / "project", repos)
        for n in sizes:
            file, tree = pins[f"file-{n}"], pins[f"tree-{n}"]
            peak = _fetch(file, _FILE)
            yield row(f"one file of {size(n)}: memory", peak, under=_LIMIT)
            with writing:
                peak = _fetch(tree)
            with scratch() as cache:
                peer = _memory(*snapshot(f"bench/tree-{n}", cache))
            yield row(f"a tree of {size(n)}: memory", peak, peer, _PEER, under=_LIMIT)
    total = Figure([sum(map(len, trees[f"bench/tree-{settings.size}"].values()))], size)
    written = Figure(writing.written[-1:], size)
    yield row("the same tree: written", written, total, "size of the model", ratio_under=ONCE)


def _fetch(pin: Pin, file: str | None = None) -> Figure:
    with scratch() as directory:
        return _memory(*fetching(pin, directory, file))


def _memory(*command: str | Path) -> Figure:
    return Figure([cost(*command).memory], size)
