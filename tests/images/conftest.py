"""Images that builds would make of entries in a directory, without Nix."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_images.build import build
from support.environment import CHECKOUT
from support.oci import Oci

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMIT = "0" * 40


class Store:
    """A directory for the store, with a layout as that of the real one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "store"
        self.directory.mkdir()

    def file(self, name: str, content: bytes) -> Path:
        """Add a file."""
        path = self.directory / f"{hashlib.sha256(content).hexdigest()[:32]}-{name}"
        path.write_bytes(content)
        return path

    def entry(self, files: Mapping[str, bytes], name: str = "m") -> Path:
        """Add an entry that links to its files."""
        out = self.directory / f"{hashlib.sha256(repr(files).encode()).hexdigest()[:32]}-{name}"
        for path, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            blob, link = out / "blobs" / digest, out / "snapshots" / COMMIT / path
            for each in (blob, link):
                each.parent.mkdir(parents=True, exist_ok=True)
            if not blob.is_symlink():
                blob.symlink_to(self.file(Path(path).name, content))
            link.symlink_to(os.path.relpath(blob, link.parent))
        (out / "refs").mkdir(parents=True)
        (out / "refs/main").write_text(COMMIT)
        return out

    def image(self, *entries: Path, **changes: Any) -> Path:
        """Build an image of entries; return its directory."""
        models = [{"name": f"models--org--{e.name[33:]}", "path": str(e)} for e in entries]
        spec = {
            "name": "models",
            "tag": "latest",
            "architecture": "amd64",
            "layout": "huggingface",
            "layers": [],
            "programs": None,
            "maxLayers": 100,
            "models": models,
            **changes,
        }
        out = self.directory / f"{hashlib.sha256(repr(spec).encode()).hexdigest()[:32]}-image"
        build(spec, out)
        return out


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture(scope="session")
def oci(tmp_path_factory: pytest.TempPathFactory) -> Oci:
    return Oci(tmp_path_factory.mktemp("bin"))


def program(image: Path) -> list[str]:
    """Return the command that runs the program of an image."""
    return [sys.executable, "-B", str(CHECKOUT / "nix/images"), "run", str(image)]


def run(
    image: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of an image."""
    return subprocess.run(
        [*program(image), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
    )


def shell(text: str, image: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which IMAGE is the program of an image."""
    line = text.replace("IMAGE", shlex.join(program(image)))
    return subprocess.run(
        ["bash", "-c", line], check=False, capture_output=True, text=True, errors="replace"
    )
