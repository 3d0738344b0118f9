"""How soon the command line answers, and what it imports for that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

from harness import BIN, HubProcess, Meter, Settings, model, run, scratch
from pins import lock
from report import Figure, Row, absent, row, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MODELS = 100
_SIZE = 8 << 20  # of each; it plays no part
_MORE_RUNS = 5  # for each that is asked for: these are short
_PEER = 'python -c "import click"'
_IMPORT_CLICK = (sys.executable, "-c", "import click")
_HELP = (BIN / "aimodels-gen", "--help")
_LOCK = (BIN / "aimodels-gen", "lock")
_JINJA = {"jinja2", "markupsafe"}  # what renders


def measure(settings: Settings) -> Iterator[Row]:
    """Ask for help, import click, and lock again, by turns."""
    importing, helping, relocking = Meter(), Meter(), Meter()
    repos = {f"model-{n}": f"bench/model-{n}" for n in range(_MODELS)}
    files = model(_SIZE)
    with HubProcess(dict.fromkeys(repos.values(), files)) as hub, scratch() as folder:
        project = folder / "project"
        lock(project, repos)
        hub.take_log()
        for _ in range(settings.runs * _MORE_RUNS):
            with importing:
                run(*_IMPORT_CLICK)
            with helping:
                run(*_HELP)
            with relocking:
                run(*_LOCK, cwd=project)
        asked = [request.path for request in hub.take_log()]
        by_lock = _imports(*_LOCK, cwd=project) - _JINJA

    peer = Figure(importing.seconds, seconds)
    helped, relocked = Figure(helping.seconds, seconds), Figure(relocking.seconds, seconds)
    yield row("--help", helped, peer, _PEER, ratio_under=2)
    yield absent("its packages beside click", _imports(*_HELP))
    yield row(f"lock of {_MODELS} models, unchanged", relocked, peer, _PEER, under=0.5)
    yield absent("its packages beside click and jinja2", by_lock)
    yield absent("its requests", asked)


def _imports(*command: str | Path, cwd: Path | None = None) -> set[str]:
    """Give the installed packages that a program of ours imports, beside click."""
    imported = _imported(*command, cwd=cwd) - _imported(*_IMPORT_CLICK) - {"aimodels_gen"}
    return imported & packages_distributions().keys()


def _imported(*command: str | Path, cwd: Path | None = None) -> set[str]:
    env = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd, env=env)
    return set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))
