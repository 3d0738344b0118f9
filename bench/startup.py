"""How long the command line takes to start, and what it imports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, NamedTuple

from harness import HubProcess, Meter, Settings, model, run, scratch
from pins import write_manifest
from report import Figure, Row, absent, row, seconds
from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MODELS = 100
_SIZE = 8 << 20  # bytes of each model; it does not matter, because nothing is downloaded
_MORE_RUNS = 5  # for each run of the settings, because these are short
_PEER = 'python -c "import click"'
_OTHER = "the other checkout"
_IMPORT_CLICK = (sys.executable, "-c", "import click")
_OURS = (sys.executable, "-m", "aimodels_gen")
_HELP = (*_OURS, "--help")
_LOCK = (*_OURS, "lock")
_RENDERING = {"jinja2", "markupsafe"}
_HELP_RATIO = 1.3
_LOCK_SECONDS = 0.5
_LOCK_RATIO = 1.2  # of the time that the other checkout takes


class _Program(NamedTuple):
    """The command line of a checkout, with a project that it has locked.

    Args:
        checkout: The root of the checkout.
        project: A directory for the project.
    """

    checkout: Path
    project: Path

    def run(self, command: tuple[str, ...]) -> str:
        """Run a command in the project and return its stdout."""
        return run(*command, cwd=self.project, env=self.environment())

    def environment(self) -> dict[str, str]:
        """Return the variables by which Python imports the code of the checkout."""
        packages = (self.checkout / part for part in ("generator", "nix/fetcher"))
        return {"PYTHONPATH": os.pathsep.join(map(str, packages))}

    def imports(self, command: tuple[str, ...]) -> set[str]:
        """Return the installed packages, other than click, that a command imports."""
        imported = self._modules(command) - self._modules(_IMPORT_CLICK)
        ours = {"aimodels_gen", "aimodels_fetcher"}
        return (imported - ours) & packages_distributions().keys()

    def _modules(self, command: tuple[str, ...]) -> set[str]:
        env = {**os.environ, **self.environment(), "PYTHONPROFILEIMPORTTIME": "1"}
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=self.project, env=env
        )
        return set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between printing help, importing click, and locking again with each checkout."""
    importing, helping, relocking = Meter(), Meter(), Meter()
    other_helping, other_relocking = Meter(), Meter()
    repos = {f"model-{n}": f"bench/model-{n}" for n in range(_MODELS)}
    with HubProcess(dict.fromkeys(repos.values(), model(_SIZE))) as hub, scratch() as directory:
        ours = _locked(CHECKOUT, directory / "ours", repos)
        other = None
        if settings.against:
            other = _locked(settings.against, directory / "other", repos)
        hub.take_log()
        for _ in range(settings.runs * _MORE_RUNS):
            with importing:
                run(*_IMPORT_CLICK)
            with helping:
                ours.run(_HELP)
            with relocking:
                ours.run(_LOCK)
            if other:
                with other_helping:
                    other.run(_HELP)
                with other_relocking:
                    other.run(_LOCK)
        requested = [request.path for request in hub.take_log()]
        imported_by_help = ours.imports(_HELP)
        imported_by_lock = ours.imports(_LOCK) - _RENDERING

    peer, helped, relocked = map(_figure, (importing, helping, relocking))
    relock = f"lock of {_MODELS} models, unchanged"
    yield row("--help", helped, peer, _PEER, ratio_under=_HELP_RATIO)
    if other:
        yield row("--help", helped, _figure(other_helping), _OTHER)
    yield absent("its packages beside click", imported_by_help)
    yield row(relock, relocked, peer, _PEER, under=_LOCK_SECONDS)
    if other:
        yield row(relock, relocked, _figure(other_relocking), _OTHER, ratio_under=_LOCK_RATIO)
    yield absent("its packages beside click and jinja2", imported_by_lock)
    yield absent("its requests", requested)


def _locked(checkout: Path, project: Path, repos: dict[str, str]) -> _Program:
    """Return the program of a checkout, after it has locked a project with these models."""
    write_manifest(project, repos)
    program = _Program(checkout, project)
    program.run(_LOCK)
    return program


def _figure(meter: Meter) -> Figure:
    return Figure(meter.seconds, seconds)
