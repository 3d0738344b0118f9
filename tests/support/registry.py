"""Flakes that the user's or the system's flake registry knows, where they need no network."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.environment import ORIGINAL


@functools.lru_cache
def _resolve(name: str) -> tuple[Path | None, str]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as empty:
        empty.write('{"version": 2, "flakes": []}')
        empty.flush()
        command = [
            *("nix", "--extra-experimental-features", "nix-command flakes"),
            *("--option", "flake-registry", empty.name),
            *("eval", "--impure", "--raw", "--expr", f'(builtins.getFlake "{name}").outPath'),
        ]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=dict(ORIGINAL), timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, str(error)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    return Path(done.stdout), ""


def flake(name: str) -> Path:
    """The source of a flake; the test is skipped, with the reason, where it is not registered."""
    path, reason = _resolve(name)
    if path is None:
        pytest.skip(f"the flake registry has no {name} here: {reason}")
    return path
