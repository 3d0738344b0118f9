"""What several tests here need."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from aimodels_gen.atomic import Transaction

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.project import Project


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def evaluate(expression: str, directory: Path) -> Any:
    """The value of a Nix expression, whose relative paths start in `directory`."""
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "-E", expression],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_atomic(path: Path, content: bytes) -> bool:
    """Write one file in a transaction; return whether it changed."""
    with Transaction() as files:
        return files.write(path, content)


def locked_and_moved(hub: Hub, project: Project, manifest: str) -> Project:
    """Return a project whose models `a` and `b` are locked, and have moved since."""
    project.write(manifest)
    repos = [hub.add_repo(f"org/{name}", {"config.json": b"{}"}) for name in "ab"]
    project.ok("lock")
    for repo in repos:
        repo.commit({"config.json": b"[]"})
    hub.clear()
    return project
