from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.skips import table

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_a(n):
    pytest.skip("no mksh\\n  here")

@pytest.mark.skipif(True, reason="takes root")
def test_b():
    pass

def test_c():
    pass
"""


def run(*args: str | Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *args],
        env={
            **os.environ,
            "PYTHONPATH": str(CHECKOUT / "tests"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # most of the time would go to their imports
            **env,
        },
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("workers", [(), ("-p", "xdist.plugin", "-n1")], ids=["alone", "workers"])
def test_the_skips_of_several_runs_are_one_table(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    kept = tmp_path / "skips"
    options = ("-q", "-p", "support.skips", "-p", "no:cacheprovider", "-c", os.devnull)
    for _ in range(2):
        run("pytest", *options, *workers, tmp_path / "test_it.py", AIMODELS_SKIPS=str(kept))
    rows = run("support.skips", kept).splitlines()
    assert [line.split(maxsplit=1) for line in rows if not line.endswith(".py")] == [
        ["tests", "reason"],
        ["6", "no mksh here"],
        ["2", "takes root"],
        ["8", "in total"],
    ]
    assert sum(line.endswith("test_it.py") for line in rows) == 2


def test_nothing_was_skipped() -> None:
    assert table([]) == "no test was skipped\n"
