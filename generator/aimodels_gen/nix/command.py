"""The `nix` command line, whichever of its features the settings of the machine allow."""

from __future__ import annotations

import os
import subprocess

from aimodels_gen.errors import StoreError

_SETTINGS = "extra-experimental-features = nix-command flakes"


def environment() -> dict[str, str]:
    """Return the environment in which every `nix` has the commands that we run."""
    settings = os.environ.get("NIX_CONFIG", "")
    return {**os.environ, "NIX_CONFIG": f"{settings}\n{_SETTINGS}"}


def run(*arguments: str, shows: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `nix` with these arguments.

    Args:
        arguments: Without secrets: everybody on the machine can see them.
        shows: Whether the user sees what it writes to stderr.

    Raises:
        StoreError: There is no Nix.
    """
    try:
        return subprocess.run(
            ("nix", *arguments),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shows else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment(),
        )
    except FileNotFoundError:
        raise StoreError("there is no nix on PATH", "install Nix, or add it to PATH") from None


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return in a line why a command failed."""
    said = " ".join(done.stderr.split()) if done.stderr else ""
    return said.rpartition("error: ")[2] or f"exit status {done.returncode}"
