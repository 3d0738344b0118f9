"""The README's first command, run as it stands, and run into with Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from pathlib import Path

DEMO = CHECKOUT / "script" / "demo"


def test_demo_shows_that_the_model_works_and_cleans_up(tmp_path: Path) -> None:
    env = {**ORIGINAL, "TMPDIR": str(tmp_path)}
    demo = subprocess.run([DEMO], check=False, capture_output=True, text=True, env=env)
    assert demo.returncode == 0, demo.stderr
    alike, *unlike = map(float, re.findall(r"^ *(-?\d\.\d{3})  ", demo.stdout, re.MULTILINE))
    assert alike > 0.5
    assert max(unlike) < 0.2
    assert list(tmp_path.iterdir()) == []


def test_interrupted_demo_cleans_up(tmp_path: Path) -> None:
    env = {**ORIGINAL, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [DEMO],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=env,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("$ aimodels-gen lock"):
                break
        # As the terminal does: to everything in the foreground.
        os.killpg(demo.pid, signal.SIGINT)
        demo.stdout.read()
    assert demo.returncode == 130
    assert list(tmp_path.iterdir()) == []
