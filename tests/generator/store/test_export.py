"""What `export` writes to a disk, and what its script adds to the store of another machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from generator.stores import MANIFEST, PATH, collect_garbage, content

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project

TREE = MANIFEST + '[models.tree]\nsource.huggingface = { repo = "org/name" }\npin = "tree"\n'


@dataclass
class Disk:
    """A disk with models, and the machine that they are for."""

    directory: Path
    nix: NixEnv

    def add(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            ["sh", self.directory / "import.sh", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": str(self.directory.parent), **variables},
        )

    def ok(self, *arguments: str) -> str:
        """Run it, expecting success; return what it says."""
        done = self.add(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def fails(self, *arguments: str, **variables: str) -> str:
        """Run it, expecting a failure; return what it says."""
        done = self.add(*arguments, **variables)
        assert done.returncode == 1, done.stderr
        return done.stderr

    def paths(self) -> list[str]:
        """Return the store paths that it has."""
        lines = (self.directory / "paths.txt").read_text().splitlines()
        names = (line.split(" ", 3)[2:] for line in lines)
        return [f"{self.nix.store}/{digest}-{name}" for digest, name in names]

    def file(self, name: str) -> Path:
        """Return a file of a model."""
        (found,) = self.directory.glob(f"files/*/{name}")
        return found

    def missing(self) -> str:
        """Return which of the store paths the store lacks."""
        command = ("nix-store", "--check-validity", "--print-invalid", *self.paths())
        return self.nix.run(*command, env={"PATH": PATH}).stdout


@pytest.fixture
def disk(nix_store: NixEnv, tmp_path: Path) -> Disk:
    """The disk is mounted where its name has a space and a quote."""
    return Disk(tmp_path / "Bob's disk" / "models", nix_store)


def test_another_machine_takes_the_files(
    hub_project: Project, hub: Hub, repo: Repo, disk: Disk
) -> None:
    hub_project.write(TREE)
    hub_project.ok("lock", "-o", "models.nix")
    said = hub_project.run("export", "--to", str(disk.directory)).err
    assert "3 paths written" in said
    on_disk = list(disk.directory.rglob("*"))
    assert not [path for path in on_disk if path.is_symlink()]
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], check=False, cwd=disk.directory)
    assert done.returncode == 0
    listed = {line[66:] for line in (disk.directory / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(disk.directory)) for path in on_disk if path.is_file()}
    assert listed == files - {"SHA256SUMS"}
    # As FAT shows them.
    for path in on_disk:
        path.chmod(0o755)
    collect_garbage(disk.nix)
    assert len(disk.missing().split()) == 3
    assert "3 of 3 paths were added" in disk.ok()
    assert not disk.missing()
    assert "0 of 3 paths were added" in disk.ok()
    hub.clear()
    hub_project.ok("verify", "--store")
    assert hub_project.ok("prefetch") == ""
    assert content(hub) == 0
    assert repo
