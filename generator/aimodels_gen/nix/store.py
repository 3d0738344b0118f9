"""The Nix store, through `nix-store`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import store_path

if TYPE_CHECKING:
    from collections.abc import Sequence

_FULL = ("No space left on device", "Disk quota exceeded")


def store_dir() -> str:
    """Return the store's directory, as Nix's own environment variables say it."""
    return os.environ.get("NIX_STORE_DIR") or os.environ.get("NIX_STORE") or store_path.STORE_DIR


def have_nix() -> bool:
    """Return whether there is a store to put things into."""
    return shutil.which("nix-store") is not None


def add(kind: Literal["flat", "recursive"], path: Path, sri: str) -> str:
    """Copy `path` into the store under its own name, as a fixed output; return the store path.

    Raises:
        StoreError: Nix refused, or its path is not the one that a derivation will have.
    """
    flags = ["--recursive"] if kind == "recursive" else []
    done = subprocess.run(
        ["nix-store", "--add-fixed", *flags, "sha256", str(path)],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    added = done.stdout.strip()
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        hint = "check that you may use the store: `nix-store --verify-path` on any path in it"
        if any(words in reason for words in _FULL):
            hint = "free some space (nix-collect-garbage -d), then run it again"
        raise StoreError(f"nix-store could not add {path.name}: {reason}", hint)
    expected = store_path.store_path(kind, sri, path.name, str(Path(added).parent))
    if added != expected:
        hint = "report this to the project with both paths"
        raise StoreError(f"Nix stored {added}, but a build will look for {expected}", hint)
    return added


def missing(paths: Sequence[str]) -> set[str]:
    """Return those of the store paths that are not valid, by asking Nix once.

    Raises:
        StoreError: Nix cannot be asked.
    """
    if not paths:
        return set()
    done = subprocess.run(
        ["nix-store", "--check-validity", "--print-invalid", *paths],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())
        raise StoreError(f"nix-store does not answer: {reason}", "check the Nix installation")
    return set(done.stdout.split())
