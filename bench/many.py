"""How long many models take to lock and to build from nothing, from a Hub that is far away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import statichub
from delay import Delay
from evaluation import Evaluation, count, evaluate
from harness import BIN, LOOP, Meter, Settings, run, scratch
from nginx import Nginx
from pins import PKGS, lock, prepare
from report import Figure, Row, absent, row, seconds
from support.environment import CHECKOUT
from support.nginx import PROGRAM
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pins import Pin
    from support.nix import NixEnv

_EACH = 32 << 20  # bytes of --size for each model
_MOST = 200
_LATENCY = 0.02  # seconds
_PEER = "hf download in a loop"
_EXPRESSION = """
map (pin: (import CHECKOUT/nix).fetchModel PKGS (pin // { layout = "link"; })) (
  builtins.attrValues (builtins.fromJSON (builtins.readFile PINS))
)
"""


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between a build, a prefetch with a build, and the other program."""
    if PROGRAM is None:
        yield absent("not measured", ["nginx is not installed"])
        return
    with scratch() as root, scratch() as directory, scratch() as logs:
        number = max(2, min(_MOST, settings.size // _EACH))
        repos = statichub.make_many(root, number)
        with Nginx(logs, root, None) as server, Delay(server.url, _LATENCY):
            yield from _measure(server, directory, repos, settings.runs)


def _measure(server: Nginx, directory: Path, repos: Mapping[str, str], runs: int) -> Iterator[Row]:
    what = f"{len(repos)} models of {statichub.FILES_OF_EACH} files"
    locking, building, prefetching, peer = Meter(), Meter(), Meter(), Meter()
    asked: dict[str, int] = {}
    server.take_log()
    with locking:
        pins = lock(directory / "project", repos)
    asked["lock"] = len(server.take_log())
    file = _write(directory, pins)
    build = ("nix-build", "--no-out-link", file)
    manifest = directory / "project/models.toml"
    prefetch = ("env", f"XDG_CACHE_HOME={directory}/empty", BIN / "aimodels-gen", "prefetch")
    evaluation = derivations = None
    try:
        for _ in range(runs):
            with environment("host") as nix:
                evaluation, derivations = _instantiate(nix, directory, file)
                with building:
                    run(*build, env=nix.variables())
            asked["build"] = len(server.take_log())
            run("rm", "-rf", directory / "empty")
            with environment("host") as nix:
                _instantiate(nix, directory, file)
                with prefetching:
                    run(*prefetch, "-m", manifest, env=nix.variables())
                    run(*build, env=nix.variables())
            asked["prefetch"] = len(server.take_log())
            with scratch() as cache, peer:
                run("sh", "-ec", LOOP, BIN / "hf", cache, *repos.values())
            asked["peer"] = len(server.take_log())
    except UnavailableError as error:
        yield absent(f"{what}: not built", [str(error)])
        return
    figures = {name: Figure([value], count) for name, value in asked.items()}
    its = Figure(peer.seconds, seconds)
    yield row(f"{what}: lock, time", Figure(locking.seconds, seconds), its, _PEER, ratio_under=1)
    yield row(f"{what}: lock, requests", figures["lock"], figures["peer"], _PEER)
    if evaluation and derivations:
        yield row(f"{what}: derivations", Figure([derivations], count))
        yield row(f"{what}: evaluation, CPU time", Figure([evaluation.seconds], seconds))
        each = evaluation.thunks / len(repos) / statichub.FILES_OF_EACH
        yield row(f"{what}: evaluation, thunks a file", Figure([each], count))
    for name, meter, of in (
        ("nix-build", building, "build"),
        ("prefetch, nix-build", prefetching, "prefetch"),
    ):
        took = Figure(meter.seconds, seconds)
        yield row(f"{what}: {name}, time", took, its, _PEER, ratio_under=1)
        yield row(f"{what}: {name}, requests", figures[of], figures["peer"], _PEER)


def _write(directory: Path, pins: Mapping[str, Pin]) -> Path:
    data = directory / "pins.json"
    data.write_text(json.dumps(pins), encoding="utf-8")
    file = directory / "models.nix"
    text = _EXPRESSION.replace("CHECKOUT", str(CHECKOUT)).replace("PKGS", PKGS)
    file.write_text(text.replace("PINS", str(data)), encoding="utf-8")
    return file


def _instantiate(nix: NixEnv, directory: Path, file: Path) -> tuple[Evaluation, int]:
    """Return what it costs, and the number of derivations that a build makes or takes."""
    prepare(nix, "[ ]")
    evaluation = evaluate(nix, directory, "nix-instantiate", file)
    drvs = evaluation.printed.split()
    closure = nix.run("nix-store", "--query", "--requisites", *drvs).stdout.split()
    return evaluation, sum(path.endswith(".drv") for path in closure)
