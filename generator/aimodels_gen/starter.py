"""The files that a new project starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.render import fill

if TYPE_CHECKING:
    from pathlib import Path

FLAKE_URL = "github:nix-ai-models/nix-ai-models"
SYSTEMS = ("x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin")
_FILES = ("models.toml", "flake.nix")


def write(directory: Path) -> tuple[Path, ...]:
    """Write models.toml and flake.nix, which work together; return their paths.

    `directory` is made if need be. Nothing is ever overwritten.

    Raises:
        AimodelsError: one of the files is there; then neither is written.
        OSError: a file cannot be written.
    """
    paths = tuple(directory / name for name in _FILES)
    there = [str(path) for path in paths if path.is_symlink() or path.exists()]
    if there:
        hint = "move it away, or name another directory"
        raise AimodelsError(f"{' and '.join(there)} would be overwritten", hint)
    directory.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with path.open("x", encoding="utf-8") as file:
            file.write(fill(f"{path.name}.j2", url=FLAKE_URL, systems=SYSTEMS))
    return paths
