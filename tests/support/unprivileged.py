"""Running programs as a user who may read everything and write nothing that matters.

As a program, `python -m support.unprivileged COMMAND…` does so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOBODY = 65534


def run(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, as nobody when we are root; its output is in the result."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o777)
        return subprocess.run(
            [*prefix(), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "HOME": "/nonexistent", "TMPDIR": scratch, **(env or {})},
        )


def prefix(user: int = _NOBODY, *, reads_all: bool = True) -> list[str]:
    """What a command line has to begin with.

    Root's Python and checkout often lie in directories that are closed to others, so the one
    privilege kept is to read what others may not. None is kept that writes.
    """
    if os.geteuid() != 0:
        return []
    kept = ",+dac_read_search" if reads_all else ""
    return [
        "setpriv",
        f"--reuid={user}",
        f"--regid={user}",
        "--clear-groups",
        f"--inh-caps=-all{kept}",
        f"--ambient-caps=-all{kept}",
        "--",
    ]


if __name__ == "__main__":
    line = [*prefix(), *sys.argv[1:]]
    os.execvp(line[0], line)  # noqa: S606 (no shell is wanted)
