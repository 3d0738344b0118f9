"""How long the linker takes, at first and when nothing has changed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from harness import Meter, Settings, run, scratch
from report import Figure, Row, absent, row, seconds
from support.environment import CHECKOUT
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COUNTS = (50, 100, 200)
_FILES = 20
_LONGEST = 1  # seconds that it may take
_COMMIT = "c" * 40
_LN = 'while read -r name path; do ln -sfn -- "$path" "$1/$name"; done < "$2"'


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between the linker and a program that makes as many links, in new directories."""
    with scratch() as directory:
        entries = _entries(directory / "store", max(_COUNTS))
        for mode in ("link", "directory"):
            for count in _COUNTS:
                models = dict(list(entries.items())[:count])
                yield from _measure(directory / f"{mode}-{count}", mode, models, settings.runs)


def _measure(directory: Path, mode: str, models: dict[str, Path], runs: int) -> Iterator[Row]:
    first, again, peer = Meter(), Meter(), Meter()
    changed: set[str] = set()
    listing = directory / "listing"
    for number in range(runs):
        cache, other = directory / f"cache-{number}", directory / f"other-{number}"
        other.mkdir(parents=True)
        spec = _write_spec(cache, mode, models)
        with first:
            _link(spec)
        before = _times(cache)
        with again:
            _link(spec)
        changed |= {path for path, time in _times(cache).items() if before.get(path) != time}
        if mode == "link":
            listing.write_text("".join(f"{name} {path}\n" for name, path in models.items()))
            with peer:
                run("sh", "-euc", _LN, "sh", other, listing)
        else:
            with peer:
                run("cp", "-a", cache / "hub", other)
    what = f"{mode}, {len(models)} models"
    beside = "ln -sfn in a loop" if mode == "link" else "cp -a of the directories"
    made, peers = Figure(first.seconds, seconds), Figure(peer.seconds, seconds)
    yield row(f"{what}: time", made, peers, beside, under=_LONGEST)
    unchanged = Figure(again.seconds, seconds)
    yield row(f"{what}, unchanged: time", unchanged, peers, beside, under=_LONGEST)
    yield absent(f"{what}, unchanged: written", changed)


def _link(spec: Path) -> None:
    run(sys.executable, "-B", CHECKOUT / "nix/linker", "link", spec)


def _times(directory: Path) -> dict[str, int]:
    """Return the times at which each file, link and directory was last changed in any way."""
    return {str(path): path.lstat().st_ctime_ns for path in (directory, *directory.rglob("*"))}


def _write_spec(cache: Path, mode: str, models: dict[str, Path]) -> Path:
    store = next(iter(models.values())).parent
    spec: dict[str, Any] = {
        "version": 1,
        "store": str(store),
        "hub": str(cache / "hub"),
        "state": str(cache / "state.json"),
        "mode": mode,
        "option": "services.ai-models",
        "entries": {name: {"name": path.name, "path": str(path)} for name, path in models.items()},
    }
    file = cache.with_suffix(".json")
    file.write_text(json.dumps(spec))
    return file


def _entries(store: Path, count: int) -> dict[str, Path]:
    """Lay out one entry, and copy it."""
    store.mkdir()
    pins = {}
    for number in range(_FILES):
        content = f"{number}\n".encode()
        file = store / f"file-{number}"
        file.write_bytes(content)
        pin = {"store": str(file), "hash": sri(content), "size": len(content), "lfs": False}
        pins[f"part-{number % 2}/{number}.json"] = pin
    source = {"repo": "bench/model", "rev": _COMMIT, "ref": "main", "repoType": "model"}
    spec = {
        "mode": "assemble",
        "sources": [{"huggingface": {**source, "endpoint": None}}],
        "layout": "link",
        "integration": True,
        "files": pins,
    }
    (store / "spec.json").write_text(json.dumps(spec))
    model = store / "model"
    fetcher = CHECKOUT / "nix/fetcher"
    run(sys.executable, "-B", fetcher, store / "spec.json", "--out", model)
    entries = {f"models--bench--{number}": store / f"model-{number}" for number in range(count)}
    for path in entries.values():
        run("cp", "-al", model, path)
    return entries
