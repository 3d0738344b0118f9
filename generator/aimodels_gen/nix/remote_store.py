"""Stores of other machines over SSH, from which Nix copies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.errors import DiskFullError
from aimodels_gen.errors import StoreError
from aimodels_gen.nix import command, copying, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.nix.copying import Copied

_MOST_SAID = 300  # characters of what Nix says
_FULL = ("No space left on device", "Disk quota exceeded")


def present(url: str, paths: Sequence[str]) -> dict[str, int]:
    """Return those of some store paths that a store has, with the bytes of their archives.

    Raises:
        StoreError: it cannot be asked.
    """
    found: dict[str, int] = {}
    for some in store.batches(paths):
        done = command.run("path-info", "--json", "--store", url, *some)
        if done.returncode != 0:
            raise StoreError(f"{url} cannot be asked: {_reason(done.stderr or '')}", _hint(url))
        try:
            valid = _valid(json.loads(done.stdout))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StoreError(f"{url} cannot be asked: Nix prints no JSON", _hint(url)) from None
        found.update((path, valid[path]) for path in some if path in valid)
    return found


def copy_from(url: str, paths: Sequence[str], copied: Copied) -> None:
    """Copy store paths to the store of this machine, which need no signature if they are pinned.

    Args:
        url: Of the other store.
        paths: That are valid there.
        copied: Is told how far it is.

    Raises:
        StoreError: some could not be copied; others may be there.
        DiskFullError: the disk is full.
    """
    for some in store.batches(paths):
        said = copying.followed(("--from", url, *some), copied)
        if said is not None:
            text = "\n".join(said)
            if any(words in text for words in _FULL):
                raise DiskFullError(
                    f"the disk is full: {store.store_dir()} has no room for what {url} has",
                    "free some space (nix-collect-garbage -d), then try again",
                )
            raise StoreError(f"{url} could not be copied from: {_reason(text)}", _hint(url))


def _valid(data: Any) -> dict[str, int]:  # noqa: ANN401 (whatever Nix prints)
    """Return the sizes of valid paths: Nix 2.8 prints a list, later ones an object."""
    rows = data.items() if isinstance(data, dict) else ((row["path"], row) for row in data)
    return {path: int(row["narSize"]) for path, row in rows if row and row.get("valid", True)}


def _reason(said: str) -> str:
    return " ".join(said.split()).rpartition("error: ")[2][:_MOST_SAID] or "Nix says nothing"


def _hint(url: str) -> str:
    return f"look at what `nix store ping --store {url}` says; NIX_SSHOPTS has options for ssh"
