"""How long `import` takes to put the files of a cache into the store, beside Nix alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from evaluation import count
from five import alternate, new_store, served
from harness import BIN, Meter, Settings, run
from report import Figure, Row, absent, row, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nginx import Nginx

_PEER = "nix-store --add-fixed"
_TARGET = 1.1


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between the two, each into a new store, from one cache of `hf download`."""
    if "\n  import " not in run(BIN / "aimodels-gen", "--help"):
        yield absent("not measured", ["aimodels-gen has no import"])
        return
    yield from served(settings.size, partial(_measure, settings.runs))


def _measure(runs: int, server: Nginx, directory: Path, repos: Mapping[str, str]) -> Iterator[Row]:
    ours, peer = Meter(), Meter()
    cache = directory / "cache"
    manifest = directory / "project/models.toml"
    for repo in repos.values():
        run(BIN / "hf", "download", "--quiet", "--cache-dir", cache, repo)
    files = [path for path in cache.rglob("blobs/*") if path.is_file()]
    server.take_log()

    def take() -> None:
        with new_store() as env, ours:
            run(BIN / "aimodels-gen", "import", "-m", manifest, "--from", cache, env=env)

    def add() -> None:
        with new_store() as env, peer:
            run("nix-store", "--add-fixed", "sha256", *files, env=env)

    alternate(runs, take, add)
    what = f"import of {len(files)} files, {size(sum(path.stat().st_size for path in files))}"
    its = Figure(peer.seconds, seconds)
    yield row(f"{what}: time", Figure(ours.seconds, seconds), its, _PEER, ratio_under=_TARGET)
    yield row(f"{what}: requests", Figure([len(server.take_log())], count), under=1)
    yield row(
        f"{what}: bytes written", Figure(ours.written, size), Figure(peer.written, size), _PEER
    )
