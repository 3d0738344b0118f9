"""Fixtures that any test may ask for; what they stand on is in tests/support."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from support import minilm
from support import nix as nixes
from support.environment import hermetic
from support.hub import Hub
from support.olah import Olah
from support.project import Project
from support.served import Served
from support.unprivileged import run as run_unprivileged
from support.verdict import REFUSED, SURVIVED

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping


pytest_plugins = ["support.backend_fixtures", "support.remedies", "support.skips"]


def pytest_configure(config: pytest.Config) -> None:
    """Clean the environment before a test imports a library that reads it once and for all."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return  # We run no test, and our workers have to see the machine's environment first.
    # A shell's background jobs ignore SIGINT, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tempfile.TemporaryDirectory(prefix="aimodels-home-")
    config.add_cleanup(home.cleanup)
    _replace_environment(hermetic(Path(home.name)))


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many faults were tried, and what came of them."""
    reports = itertools.chain.from_iterable(terminalreporter.stats.values())
    counts = dict.fromkeys((SURVIVED, REFUSED), 0)
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "call":
            for name, value in report.user_properties:
                if name in counts and isinstance(value, int):
                    counts[name] += value
    if any(counts.values()):
        came = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        terminalreporter.write_line(f"faults: {sum(counts.values())} tried, {came}")


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    """Let nothing serve when all other fixtures are done with."""
    yield
    assert list(Served.left_open.values()) == []


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home and the clean environment for every test, whatever the one before it did."""
    home = tmp_path_factory.mktemp("home")
    _replace_environment(hermetic(home))
    return home


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Project:
    """A directory for a manifest, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, capfdbinary)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub of ours, empty."""
    with Hub() as server:
        yield server


@pytest.fixture(params=nixes.KINDS, ids=lambda kind: f"{kind}-nix")
def nix(request: pytest.FixtureRequest) -> Iterator[nixes.NixEnv]:
    """Each Nix that this machine can have, with an empty store."""
    with nixes.available(request.param) as environment:
        yield environment


@pytest.fixture
def host_nix() -> Iterator[nixes.NixEnv]:
    """The machine's own Nix, with an empty store."""
    with nixes.available("host") as environment:
        yield environment


@pytest.fixture(scope="session")
def minilm_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Olah]:
    """The third-party Hub, with the real all-MiniLM-L6-v2."""
    work = tmp_path_factory.mktemp("olah")
    minilm.make_repository(work / "mirrors")
    with Olah(work / "mirrors", work) as server:
        yield server


@pytest.fixture
def unprivileged() -> Runner:
    """Run commands as a user who may not write the store."""
    return run_unprivileged


class Runner(Protocol):
    def __call__(
        self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...
