"""The `nix` command line, whichever of its features the settings of the machine allow."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from aimodels_gen.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
"""How a command line with Nix begins."""


def run(
    *arguments: str, env: Mapping[str, str] | None = None, shows: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run `nix` with these arguments.

    Args:
        arguments: Without secrets: everybody on the machine can see them.
        env: What it has in its environment besides.
        shows: Whether the user sees what it writes to stderr.

    Raises:
        StoreError: There is no Nix.
    """
    try:
        return subprocess.run(
            (*NIX, *arguments),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shows else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError:
        raise StoreError("there is no nix on PATH", "install Nix, or add it to PATH") from None


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return in a line why a command failed."""
    said = " ".join(done.stderr.split()) if done.stderr else ""
    return said.rpartition("error: ")[2] or f"exit status {done.returncode}"
