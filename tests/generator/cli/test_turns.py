"""Two runs on one manifest: the second one waits, and does what is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Protocol

import pytest

from aimodels_gen.cache import cache_directory
from generator.helpers import names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.hub import Hub, Request, Response
    from support.project import Project

WAITING = "waiting for another aimodels-gen (process {}) that is locking models.toml\n"


def model(name: str) -> str:
    return f'[models.{name}]\nsource.huggingface.repo = "org/{name}"\n'


class Start(Protocol):
    def __call__(self, *args: str) -> subprocess.Popen[str]: ...


@pytest.fixture
def start(hub_project: Project) -> Iterator[Start]:
    """Start the command line; what still runs at the end is killed."""
    with contextlib.ExitStack() as started:

        def start(*args: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "aimodels_gen", *args],
                env=hub_project.environment(),
                cwd=hub_project.dir,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


class Gate:
    """Requests for listings wait at it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, request: Request) -> Response | None:
        if "/tree/" in request.path:
            self.reached.set()
            self.opened.wait(60)
        return None


@pytest.fixture
def gate(hub: Hub, hub_project: Project) -> Iterator[Gate]:
    for name in "ab":
        hub.add_repo(f"org/{name}", {name: b""})
    hub_project.write(model("a"))
    gate = Gate()
    hub.faults = gate
    yield gate
    gate.opened.set()


def first_line(process: subprocess.Popen[str], ending: str) -> str:
    """The first line of stderr that ends so."""
    assert process.stderr
    return next(line for line in process.stderr if line.endswith(ending))


def test_the_second_run_waits(hub: Hub, hub_project: Project, gate: Gate, start: Start) -> None:
    """It reads what the first one has written, and asks only about what is new."""
    first = start("lock", "-o", "models.nix")
    assert gate.reached.wait(60)
    hub_project.write(model("a") + model("b"))
    second = start("lock", "-o", "models.nix")
    waits = WAITING.format(first.pid)
    assert first_line(second, "models.toml\n") == waits
    gate.opened.set()
    assert first.wait(60) == second.wait(60) == 0
    assert list(hub_project.lock) == ["a", "b"]
    assert sum("/tree/" in request.path for request in hub.log) == 2
    assert names_in(hub_project.dir) == ["models.lock", "models.nix", "models.toml"]
    assert names_in(cache_directory() / "runs") == []


def test_a_dead_run_holds_up_nobody(hub_project: Project, gate: Gate, start: Start) -> None:
    first = start("lock", "-o", "models.nix")
    assert gate.reached.wait(60)
    first.kill()
    first.communicate()
    assert len(names_in(cache_directory() / "runs")) == 1
    gate.opened.set()
    assert "waiting" not in hub_project.run("lock", "-o", "models.nix").err
    assert names_in(cache_directory() / "runs") == []


def test_whoever_waits_can_be_interrupted(gate: Gate, start: Start) -> None:
    first = start("lock", "-o", "models.nix")
    assert gate.reached.wait(60)
    second = start("update")
    first_line(second, "models.toml\n")
    second.send_signal(signal.SIGINT)
    _, said = second.communicate(timeout=60)
    assert (second.returncode, said.strip()) == (130, "error: interrupted")
    gate.opened.set()
    first.communicate()
    assert first.returncode == 0


def test_other_manifests_and_commands_do_not_wait(
    hub_project: Project, gate: Gate, start: Start
) -> None:
    """`render`, what asks nobody, and the lock of another manifest in the same directory."""
    gate.opened.set()
    hub_project.ok("lock", "-o", "models.nix")
    gate.opened.clear()
    gate.reached.clear()
    hub_project.write(model("b"))
    first = start("lock", "-o", "models.nix")
    assert gate.reached.wait(60)
    (hub_project.dir / "other.toml").write_text("")
    assert "waiting" not in hub_project.run("lock", "other.toml", "-o", "other.nix").err
    assert "waiting" not in hub_project.run("render", "-o", "models.nix").err
    for option in ("--check", "--offline"):
        assert "waiting" not in hub_project.run("lock", option, "-o", "models.nix").err
    gate.opened.set()
    first.communicate()
    assert first.returncode == 0


@pytest.mark.parametrize("where", [os.devnull, "file"])
def test_without_a_place_for_locks(
    hub_project: Project, gate: Gate, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    gate.opened.set()
    (hub_project.dir / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(hub_project.dir))
    monkeypatch.setenv("XDG_CACHE_HOME", str(hub_project.dir / where))
    hub_project.ok("lock", "-o", "models.nix")
    assert list(hub_project.lock) == ["a"]
