"""The files that a new project starts with: those of the flake's template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.resources import templates

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path) -> tuple[Path, ...]:
    """Write the files, which work together as they are; return their paths.

    `directory` is made if need be. Nothing is ever overwritten.

    Raises:
        AimodelsError: one of the files is there; then none is written.
        OSError: a file cannot be written.
    """
    files = {
        directory / source.name: source.read_bytes()
        for source in sorted((templates() / "project").iterdir())
    }
    there = [str(path) for path in files if path.is_symlink() or path.exists()]
    if there:
        hint = "move it away, or name another directory"
        raise AimodelsError(f"{' and '.join(there)} would be overwritten", hint)
    directory.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        with path.open("xb") as file:
            file.write(content)
    return tuple(files)


def welcome() -> str:
    """Return what to do next, as Nix says it after `nix flake init`."""
    return (templates() / "welcome.md").read_text(encoding="utf-8")
