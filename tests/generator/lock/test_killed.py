"""Runs that end before their time: the old files or the new ones, and nothing else for long."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.cache import cache_directory
from aimodels_gen.lock.workspace import workspace
from generator.helpers import names_in

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Request, Response
    from support.project import Project

MANIFEST = '[output]\nfile = "models.nix"\n[models.m]\nsource.huggingface.repo = "org/name"\n'
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
SAID = {signal.SIGINT: ["error: interrupted"], signal.SIGTERM: [], signal.SIGKILL: []}
# Stops in a workspace that has something in it.
WORKING = """
import sys
from aimodels_gen.lock.workspace import workspace
with workspace() as directory:
    (directory / "store").mkdir()
    (directory / "store/file").write_bytes(b"x")
    (directory / "store").chmod(0o555)
    print(directory, flush=True)
    sys.stdin.readline()
"""
# As where Ctrl-C comes while the command line is imported.
IMPORTING = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from aimodels_gen.__main__ import main
main()
"""


def files(version: int) -> dict[str, bytes]:
    return dict.fromkeys(("README.md", "config.json", "model.safetensors"), b"%d" % version)


def started(project: Project, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *args],
        env=project.environment(),
        cwd=project.dir,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(project: Project) -> dict[str, bytes]:
    return {name: (project.dir / name).read_bytes() for name in names_in(project.dir)}


@pytest.mark.parametrize("sent", STATUS, ids=lambda sent: signal.Signals(sent).name)
@pytest.mark.parametrize("request_part", ["/revision/", "/tree/", "/resolve/"])
def test_a_run_that_is_ended(  # noqa: PLR0913, PLR0917 - fixtures
    hub: Hub,
    hub_project: Project,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    sent: signal.Signals,
    request_part: str,
) -> None:
    """While it asks for something; the next run does what it would have done."""
    repo = hub.add_repo("org/name", files(1), lfs=["*.safetensors"])
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    before = contents(hub_project)
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    repo.commit(files(2))
    ended, answers = threading.Event(), threading.Event()

    def hold(request: Request) -> Response | None:
        if request_part in request.path:
            ended.set()
            answers.wait(60)
        return None

    hub.faults = hold
    with started(hub_project, "-m", "aimodels_gen", "update") as run:
        assert ended.wait(60)
        run.send_signal(sent)
        _, said = run.communicate(timeout=60)
    answers.set()
    assert run.returncode == STATUS[sent]
    told = [line for line in said.splitlines() if line.startswith(("error", "Traceback"))]
    assert told == SAID[sent]
    assert contents(hub_project) == before

    hub_project.ok("update")
    after = contents(hub_project)
    assert sorted(after) == sorted(before)
    assert after["models.lock"] != before["models.lock"]
    assert names_in(temporary) == []
    assert not list(cache_directory().rglob(".new-*"))
    assert names_in(cache_directory() / "runs") == []


@pytest.mark.parametrize("is_killed", [True, False])
def test_the_workspace_of_another_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_killed: bool
) -> None:
    """It stays as long as that run lives. What others call the same way stays."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("NIX_STORE_DIR", "/nowhere/store")
    for name in (".aimodels-gen-mine", ".aimodels-gen.tmp"):
        (tmp_path / name).mkdir()
    with started(project, "-c", WORKING) as run, contextlib.ExitStack() as last:
        assert run.stdout
        assert run.stdin
        last.callback(run.stdin.close)
        name = os.path.basename(run.stdout.readline().strip())  # noqa: PTH119 - a line
        if is_killed:
            run.kill()
            run.wait()
        with workspace() as directory:
            expected = {directory.name} | (set() if is_killed else {name})
            found = {one for one in names_in(tmp_path) if one.startswith(".aimodels-gen.tmp-")}
            assert found == expected
    assert names_in(tmp_path) == [".aimodels-gen-mine", ".aimodels-gen.tmp"]


def test_an_interrupt_while_modules_are_imported(project: Project) -> None:
    with started(project, "-c", IMPORTING) as run:
        assert run.communicate() == ("", "error: interrupted\n")
    assert run.returncode == 130
