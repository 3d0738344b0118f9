"""Which store paths garbage collection would remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.nix import store

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARROW = " -> "


def dead(paths: Sequence[str]) -> set[str]:
    """Return those of these valid store paths that garbage collection would remove.

    Nix names the roots that keep any of the paths, for all users and running programs. The closures
    of these roots tell which of the paths they keep, which costs less than to go through the whole
    store. With `keep-outputs`, roots keep more than their closures: for what is left then, Nix does
    go through it.

    Raises:
        StoreError: Nix cannot be asked.
    """
    roots = _roots(paths)
    live: set[str] = set()
    for some in store.batches(sorted(roots)):
        live.update(store.ask("--query", "--requisites", *some).split())
    rest = [path for path in paths if path not in live]
    if roots and rest and _roots(rest):
        return set(rest).intersection(store.ask("--gc", "--print-dead").split())
    return set(rest)


def _roots(paths: Sequence[str]) -> set[str]:
    """Return the store paths that are roots and keep any of these. Names of roots are not shown."""
    found: set[str] = set()
    for some in store.batches(paths):
        lines = store.ask("--query", "--roots", *some).splitlines()
        found.update(line.rpartition(_ARROW)[2] for line in lines if _ARROW in line)
    return found
