"""Building what somebody names as `nix build` does: flake outputs and store paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import command, store

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = "name a package of a flake, such as .#cache, or a path in the store"

_MOST_LINKS = 40


def build(installables: Sequence[str], directory: Path, *, shows: bool) -> dict[str, list[str]]:
    """Return the store paths of each installable, built if need be, and kept by roots.

    Args:
        installables: Such as `.#cache`; or a store path, or a link to one.
        directory: For the roots.
        shows: Whether the user sees what Nix says meanwhile.

    Raises:
        StoreError: One cannot be built.
    """
    return {
        installable: _build(installable, directory / str(number), shows=shows)
        for number, installable in enumerate(installables)
    }


def _build(installable: str, link: Path, *, shows: bool) -> list[str]:
    path = _stored(installable)
    if path:
        if store.missing([path]):
            raise StoreError(f"Nix does not know {path}, which is in the store", _NAME)
        store.add_root(link, [path])
        return [path]
    if not installable or installable.startswith("-"):
        raise StoreError(f"{installable!r} is not what `nix build` builds", _NAME)
    link.parent.mkdir(parents=True, exist_ok=True)
    done = command.run("build", "--out-link", str(link), installable, shows=shows)
    if done.returncode != 0:
        why = "see above" if shows else command.reason(done)
        raise StoreError(
            f"{installable} was not built: {why}",
            f"run `nix build {installable}` for the whole log",
        )
    outputs = [entry for entry in link.parent.iterdir() if _belongs(entry.name, link.name)]
    if not outputs:
        raise StoreError(f"{installable} has no output in the store", _NAME)
    return sorted(str(entry.readlink()) for entry in outputs)


def _belongs(name: str, link: str) -> bool:
    """Return whether Nix has made a link of this name: of other outputs, it is `LINK-OUTPUT`."""
    return name == link or name.startswith(f"{link}-")


def _stored(installable: str) -> str | None:
    """Return the store path that something names: itself, a link to it, or a file below it."""
    directory = store.store_dir()
    path = Path(installable).absolute()
    # Step by step: a store path can be a link to another one.
    for _ in range(_MOST_LINKS):
        path = path.parent.resolve() / path.name
        if path.is_relative_to(directory):
            name = path.relative_to(directory).parts[0]
            is_here = path.is_symlink() or path.exists()
            return f"{directory}/{name}" if is_here and not name.endswith(".drv") else None
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None
