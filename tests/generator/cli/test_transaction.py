"""Lock and rendering change together, or neither does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.cli.conftest import MODEL
from generator.helpers import names_in
from support.disk import fill, small_disk

if TYPE_CHECKING:
    from support.hub import Repo
    from support.project import Project


@pytest.fixture
def before(hub_project: Project, repo: Repo) -> dict[str, bytes]:
    assert repo.sha
    return contents(hub_project)


def contents(project: Project) -> dict[str, bytes]:
    return {name: (project.dir / name).read_bytes() for name in names_in(project.dir)}


@pytest.mark.parametrize("output", ["missing/models.nix", "models.toml/x", "x" * 300])
def test_an_output_that_cannot_be_written(
    hub_project: Project, before: dict[str, bytes], output: str
) -> None:
    assert "error: " in hub_project.fails("update", "-o", output)
    assert contents(hub_project) == before


def test_a_rendering_that_fails(
    hub_project: Project, before: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is not written before it."""

    def broken(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("aimodels_gen.cli.locking.render", broken)
    assert "ZeroDivisionError" in hub_project.fails("update", "-o", "models.nix")
    assert contents(hub_project) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_stdout_that_is_full(hub_project: Project, before: dict[str, bytes]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = hub_project.run_into(full, "update")
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output: No space left on device\nhint: ")
    assert contents(hub_project) == before


def test_stdout_that_nobody_reads(hub_project: Project, before: dict[str, bytes]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", "update", "-q"],
        env=hub_project.environment(),
        cwd=hub_project.dir,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    assert process.wait(30) == 1
    assert contents(hub_project) == before


def test_a_full_disk(hub_project: Project, repo: Repo) -> None:
    """One file more would fit, two do not."""
    assert repo.sha
    with small_disk(hub_project.dir / "disk", 1 << 20) as disk:
        (disk / "models.toml").write_text(MODEL)
        hub_project.ok("lock", str(disk / "models.toml"), "-o", str(disk / "models.nix"))
        repo.commit({f"file-{n}": b"%d" % n for n in range(40)})
        fill(disk)
        before = {name: (disk / name).read_bytes() for name in ("models.lock", "models.nix")}
        error = hub_project.fails(
            "lock", "-U", str(disk / "models.toml"), "-o", str(disk / "models.nix")
        )
        assert "No space left on device" in error
        assert "free some space" in error
        assert {name: (disk / name).read_bytes() for name in before} == before
        assert names_in(disk) == ["filler", "models.lock", "models.nix", "models.toml"]


def test_both_change_when_all_is_well(hub_project: Project, before: dict[str, bytes]) -> None:
    hub_project.ok("update", "-o", "models.nix")
    after = contents(hub_project)
    assert {name for name in after if after[name] != before[name]} == {"models.lock", "models.nix"}
    assert after["models.nix"].decode() == hub_project.ok("render")
