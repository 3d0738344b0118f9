"""Temporary directories: those of runs that were killed are removed, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aimodels_gen.lock.workspace import workspace

HELD = """
import sys
from aimodels_gen.lock.workspace import workspace
with workspace() as directory:
    (directory / "nested").mkdir(mode=0o555)
    print(directory, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIX_STORE_DIR", str(tmp_path / "none" / "store"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def start() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HELD],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_run_left_goes(temporary: Path) -> None:
    dead, left = start()
    living, kept = start()
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert left.is_dir()
    with workspace() as directory:
        assert set(temporary.iterdir()) == {directory, kept}
    living.communicate("\n")
    assert living.returncode == 0
    assert list(temporary.iterdir()) == []


def test_what_is_not_ours_stays(temporary: Path) -> None:
    file, link = (temporary / f".aimodels-gen.tmp-{name}" for name in ("file", "link"))
    target = temporary / "theirs"
    target.mkdir()
    file.touch()
    link.symlink_to(target)
    with workspace():
        pass
    assert set(temporary.iterdir()) == {target, file, link}
