"""The files that a new project starts with: those of the flake's template."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.nix.formats import recognised
from aimodels_gen.resources import templates

if TYPE_CHECKING:
    from pathlib import Path

_FLAKE, _RENDERING = "flake.nix", "models.nix"


@dataclass(frozen=True)
class Written:
    """What `write` has done.

    Attributes:
        new: the files that it has written.
        kept: those that were there.
    """

    new: tuple[Path, ...]
    kept: tuple[Path, ...]

    @property
    def has_own_flake(self) -> bool:
        """Return whether the project had a flake.nix that is not the one of the template."""
        return any(path.name == _FLAKE and not _is_template(path) for path in self.kept)


def write(directory: Path) -> Written:
    """Write the files that are absent; they work together as they are.

    `directory` is made if need be. Nothing is ever overwritten. That all files are there is fine
    while flake.nix lacks the lines of `paste`, which the reader may want to see again.

    Raises:
        AimodelsError: all files are there, or models.nix is not a rendering; then none is written.
        OSError: a file cannot be written.
    """
    files = {
        directory / source.name: source.read_bytes()
        for source in sorted((templates() / "project").iterdir())
    }
    kept = tuple(path for path in files if path.is_symlink() or path.exists())
    rendering = directory / _RENDERING
    if rendering in kept and not _is_rendering(rendering):
        raise AimodelsError(
            f"{rendering} was not written by aimodels-gen, and stays as it is",
            "move it away, or name another directory",
        )
    if len(kept) == len(files) and not _lacks_lines(directory / _FLAKE):
        names = ", ".join(map(str, kept))
        raise AimodelsError(
            f"{names} are there already, and stay as they are",
            "run `aimodels-gen lock`, or name another directory",
        )
    directory.mkdir(parents=True, exist_ok=True)
    new = tuple(path for path in files if path not in kept)
    for path in new:
        with path.open("xb") as file:
            file.write(files[path])
    return Written(new, kept)


def _is_template(flake: Path) -> bool:
    return flake.is_file() and flake.read_bytes() == (templates() / "project" / _FLAKE).read_bytes()


def _lacks_lines(flake: Path) -> bool:
    return flake.is_file() and b"nix-ai-models" not in flake.read_bytes()


def _is_rendering(path: Path) -> bool:
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return not text.strip() or recognised(text) is not None


def welcome() -> str:
    """Return what to do next, as Nix says it after `nix flake init`."""
    return (templates() / "welcome.md").read_text(encoding="utf-8")


def paste() -> str:
    """Return what to add to a flake.nix that was there, for the system of this machine."""
    text = (templates() / "paste.md").read_text(encoding="utf-8")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine()
    )
    return text.replace("@system@", f"{machine}-{platform.system().lower()}")
