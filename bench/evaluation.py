"""What an evaluation costs: time, and the counts of Nix, which are the same in each run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from harness import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv


class Evaluation(NamedTuple):
    """What Nix reports of an evaluation.

    Args:
        thunks: Values that it has noted to compute later.
        calls: Of functions.
        seconds: Of the processor.
        printed: The result.
    """

    thunks: int
    calls: int
    seconds: float
    printed: str


def evaluate(nix: NixEnv, directory: Path, *command: str | Path) -> Evaluation:
    """Run a program of Nix with its statistics.

    Args:
        nix: The Nix.
        directory: For a file with the statistics.
        command: The program and its arguments.
    """
    file = directory / "statistics.json"
    file.unlink(missing_ok=True)
    shown = {"NIX_SHOW_STATS": "1", "NIX_SHOW_STATS_PATH": str(file)}
    printed = run(*nix.entry(), *command, env={**nix.variables(), **shown})
    found = json.loads(file.read_text(encoding="utf-8"))
    return Evaluation(found["nrThunks"], found["nrFunctionCalls"], found["cpuTime"], printed)


def count(value: float) -> str:
    """Format a count."""
    return f"{value:,.0f}"
