"""Commands in messages are run after the fault that they are for, and the fault is gone."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project


@pytest.fixture
def repository(hub: Hub) -> str:
    """Return the manifest of a model."""
    hub.add_repo("org/m", {f"{number}.json": b"%d" % number for number in range(40)})
    return f'[models.m]\nsource.huggingface = {{ repo = "org/m", endpoint = "{hub.url}" }}\n'


def test_there_is_no_manifest(project: Project, repository: str) -> None:
    said = project.fails("lock")
    assert "there is no models.toml" in said
    project.follow(said)
    assert (project.dir / "models.toml").exists()
    project.write(repository)
    project.ok("lock")


@pytest.mark.parametrize("command", ["render", "prefetch"])
def test_there_is_no_lock(project: Project, repository: str, command: str) -> None:
    project.write(repository)
    said = project.fails(command)
    project.follow(said)
    assert project.lock_file.exists()
    assert said not in project.run(command).err


def test_a_model_is_not_locked(project: Project, repository: str) -> None:
    project.write(repository)
    project.ok("lock")
    project.write(repository + repository.replace("models.m", "models.extra"))
    said = project.fails("prefetch", "extra")
    assert "not locked yet: extra" in said
    project.follow(said)
    assert project.locked("extra")


def test_the_limit_on_the_size_of_files(project: Project, repository: str) -> None:
    project.write(repository)

    def lock(setting: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-c", f'{setting}; exec "$@"', "bash", sys.executable, "-m"]
        return subprocess.run(
            [*command, "aimodels_gen", "lock"],
            env=project.environment(),
            cwd=project.dir,
            capture_output=True,
            text=True,
            check=False,
        )

    failed = lock("ulimit -S -f 1")
    assert failed.returncode == 1
    assert "File too large" in failed.stderr
    assert not project.lock_file.exists()
    (raised,) = re.findall(r"`(ulimit -f \w+)`", failed.stderr)
    done = lock(f"ulimit -S -f 1; {raised}")
    assert done.returncode == 0, done.stderr
