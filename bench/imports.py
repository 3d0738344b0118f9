"""How long `import` takes to put the files of a cache into the store, beside Nix alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import statichub
from evaluation import count
from harness import BIN, Meter, Settings, run, scratch
from nginx import Nginx
from pins import lock
from report import Figure, Row, absent, row, seconds, size
from support.nginx import PROGRAM
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PEER = "nix-store --add-fixed"
_TARGET = 1.1


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between the two, each into a new store, from one cache of `hf download`."""
    if PROGRAM is None:
        yield absent("not measured", ["nginx is not installed"])
        return
    if "\n  import " not in run(BIN / "aimodels-gen", "--help"):
        yield absent("not measured", ["aimodels-gen has no import"])
        return
    with scratch() as root, scratch() as directory, scratch() as logs:
        repos = statichub.make_five(root, settings.size)
        with Nginx(logs, root, None) as server:
            try:
                yield from _measure(server, directory, repos, settings.runs)
            except UnavailableError as error:
                yield absent("not measured", [str(error)])


def _measure(server: Nginx, directory: Path, repos: Mapping[str, str], runs: int) -> Iterator[Row]:
    ours, peer = Meter(), Meter()
    cache = directory / "cache"
    lock(directory / "project", repos)
    manifest = directory / "project/models.toml"
    for repo in repos.values():
        run(BIN / "hf", "download", "--quiet", "--cache-dir", cache, repo)
    files = [path for path in cache.rglob("blobs/*") if path.is_file()]
    server.take_log()

    def take() -> None:
        with environment("host") as nix, scratch() as empty:
            env = {**nix.variables(), "XDG_CACHE_HOME": str(empty)}
            run("nix-store", "--verify", env=env)  # makes the database of the store
            with ours:
                run(BIN / "aimodels-gen", "import", "-m", manifest, "--from", cache, env=env)

    def add() -> None:
        with environment("host") as nix:
            run("nix-store", "--verify", env=nix.variables())
            with peer:
                run("nix-store", "--add-fixed", "sha256", *files, env=nix.variables())

    for number in range(runs):
        for measured in (take, add) if number % 2 == 0 else (add, take):
            measured()
    what = f"import of {len(files)} files, {size(sum(path.stat().st_size for path in files))}"
    its = Figure(peer.seconds, seconds)
    yield row(f"{what}: time", Figure(ours.seconds, seconds), its, _PEER, ratio_under=_TARGET)
    yield row(f"{what}: requests", Figure([len(server.take_log())], count), under=1)
    yield row(
        f"{what}: bytes written", Figure(ours.written, size), Figure(peer.written, size), _PEER
    )
