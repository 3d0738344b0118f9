"""How soon the command line answers, and what it imports for that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from lab import BIN, HubProcess, Meter, Settings, lock, model, run, scratch
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
_HEAVY = {"httpx", "huggingface_hub", "requests", "urllib3"}


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
        imported = _imports(*_LOCK, cwd=project)

    peer = Figure(importing.seconds, seconds)
    helped, relocked = Figure(helping.seconds, seconds), Figure(relocking.seconds, seconds)
    yield row("--help", helped, peer, _PEER, ratio_under=2)
    yield absent("its heavy imports", _imports(*_HELP) & {*_HEAVY, "jinja2"})
    yield row(f"lock of {_MODELS} models, unchanged", relocked, peer, _PEER, under=0.5)
    yield absent("its heavy imports", imported & _HEAVY)
    yield absent("its requests", asked)


def _imports(*command: str | Path, cwd: Path | None = None) -> set[str]:
    """Give the top-level packages that a Python program imports."""
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"},
    )
    return set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))
