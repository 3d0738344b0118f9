"""Stores of other machines over SSH, through `nix path-info` and `nix copy`."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import store

if TYPE_CHECKING:
    from collections.abc import Sequence

_NIX = ("nix", "--extra-experimental-features", "nix-command")
_MOST_SAID = 300  # characters of what Nix says
_NO_NIX = ("command not found", "not found", "No such file or directory")
_FULL = ("No space left on device", "Disk quota exceeded")


def present(url: str, paths: Sequence[str]) -> dict[str, int]:
    """Return those of some store paths that a store has, with the bytes of their archives.

    Raises:
        StoreError: it cannot be asked.
    """
    found: dict[str, int] = {}
    for some in store.batches(paths):
        done = _run("path-info", "--json", "--store", url, *some)
        try:
            if done.returncode != 0:
                raise ValueError  # noqa: TRY301 (as below)
            found.update(_valid(json.loads(done.stdout)))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _failure(url, "cannot be asked", done.stderr) from None
    return found


def copy_from(url: str, paths: Sequence[str]) -> None:
    """Copy store paths to the store of this machine.

    Raises:
        StoreError: some could not be copied; others may be there.
    """
    for some in store.batches(paths):
        done = _run("copy", "--from", url, *some)
        if done.returncode != 0:
            raise _failure(url, "could not be copied from", done.stderr)


def _valid(data: Any) -> dict[str, int]:  # noqa: ANN401 (whatever Nix prints)
    """Return the sizes of valid paths: Nix 2.8 prints a list, later ones an object."""
    rows = data.items() if isinstance(data, dict) else ((row["path"], row) for row in data)
    return {path: int(row["narSize"]) for path, row in rows if row and row.get("valid", True)}


def _failure(url: str, what: str, said: str) -> StoreError:
    reason = " ".join(said.split()).rpartition("error: ")[2][:_MOST_SAID] or "Nix says nothing"
    if any(words in reason for words in _FULL):
        hint = "free some space (nix-collect-garbage -d), then try again"
    else:
        hint = f"look at what `nix store ping --store {url}` says; NIX_SSHOPTS has options for ssh"
    return StoreError(f"{url} {what}: {reason}", hint)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        # ssh asks for passwords on the terminal itself.
        return subprocess.run(
            [*_NIX, *arguments],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise StoreError("there is no nix on PATH", "install Nix, or add it to PATH") from None
