"""The bench measures, prints and cleans up. What it measures is not for a test to judge."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from pathlib import Path

ROWS = {
    "lock": ["bytes sent by the Hub", "time", "computed: 140 GB at 100 MB/s"],
    "startup": ["--help", "lock of 100 models, unchanged", "its packages beside", "its requests"],
    "fetcher": ["one file of 4.0 MiB", "a tree of 4.0 MiB", "a tree of 32.0 KiB"],
    "store": ["lock --pin tree: written", "link form: time", "tree build: written"],
}


def bench(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    # It cleans the environment itself, and looks in the original one for the newer Nix.
    return subprocess.run(
        [sys.executable, "bench/main.py", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**ORIGINAL, "PYTHONPATH": "tests", **env},
    )


@pytest.mark.parametrize("question", ROWS)
def test_a_question(question: str, tmp_path: Path) -> None:
    done = bench(question, "--size=4MiB", "--runs=1", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"== {question}: " in done.stdout
    assert [row for row in ROWS[question] if row not in done.stdout] == []
    assert list(tmp_path.iterdir()) == []


def test_usage() -> None:
    done = bench("loc")
    assert done.returncode == 2
    assert "no question 'loc'; there is lock, startup, fetcher, store" in done.stderr
