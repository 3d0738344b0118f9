"""Stores of other machines over SSH, from which Nix copies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
            raise _failure(url, "cannot be asked", command.reason(done))
        try:
            valid = _valid(json.loads(done.stdout))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _failure(url, "cannot be asked", "Nix prints something else") from None
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
    """
    for some in store.batches(paths):
        said = copying.followed(("--from", url, *some), copied)
        if said is not None:
            raise _failure(url, "could not be copied from", " ".join(said))


def _valid(data: Any) -> dict[str, int]:  # noqa: ANN401 (whatever Nix prints)
    """Return the sizes of valid paths: Nix 2.8 prints a list, later ones an object."""
    rows = data.items() if isinstance(data, dict) else ((row["path"], row) for row in data)
    return {path: int(row["narSize"]) for path, row in rows if row and row.get("valid", True)}


def _failure(url: str, what: str, said: str) -> StoreError:
    reason = said.rpartition("error: ")[2][:_MOST_SAID] or "Nix says nothing"
    if any(words in said for words in _FULL):
        hint = "free some space (nix-collect-garbage -d), then try again"
    else:
        hint = f"look at what `nix store ping --store {url}` says; NIX_SSHOPTS has options for ssh"
    return StoreError(f"{url} {what}: {reason}", hint)
