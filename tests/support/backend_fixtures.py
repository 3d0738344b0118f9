"""Fixtures: the places that the contract of sources is tried on, and locking what they have."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from support import backends
from support.nginx import public_directory
from support.patience import hurry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.backends import Backend
    from support.project import Project

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[type[Backend]], object]]:
    """The servers, each started when it is first asked for; who inherits `serve` shares it."""
    running: dict[str, object] = {}
    with contextlib.ExitStack() as stack:

        def start(kind: type[Backend]) -> object:
            server = kind.serve.__qualname__
            if server not in running:
                directory = stack.enter_context(public_directory())
                running[server] = stack.enter_context(kind.serve(directory))
            return running[server]

        yield start


@pytest.fixture(params=backends.names())
def backend(
    request: pytest.FixtureRequest,
    server_of: Callable[[type[Backend]], object],
    monkeypatch: pytest.MonkeyPatch,
) -> Backend:
    """An empty place for a model."""
    kind = backends.backend(request.param)
    hurry(monkeypatch)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    return kind(server_of(kind), f"n{next(_numbers)}")


@pytest.fixture
def locking(backend: Backend, project: Project, monkeypatch: pytest.MonkeyPatch) -> Locking:
    """Lock what is there, with the credentials for it."""
    return Locking(backend, project, monkeypatch)


class Locking:
    """A project whose one model is what the backend has."""

    def __init__(self, backend: Backend, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.backend = backend
        self.project = project
        self._monkeypatch = monkeypatch

    def write(self, settings: str = "") -> None:
        """Write the manifest, and take the backend's credentials."""
        for variable, value in self.backend.env.items():
            self._monkeypatch.setenv(variable, value)
        self.project.write(f"[models.m]\n{self.backend.source()}\n{settings}\n")

    def ok(self, *args: str, settings: str = "") -> str:
        """Lock; return what is said about it."""
        self.write(settings)
        result = self.project.run("lock", *args)
        assert result.status == 0, result.err
        return result.err

    def fails(self, *args: str, settings: str = "") -> str:
        self.write(settings)
        return self.project.fails("lock", *args)

    @property
    def pins(self) -> dict[str, str]:
        """Path -> SRI hash."""
        return {path: file["hash"] for path, file in self.project.files().items()}

    def spec(self) -> dict[str, dict[str, Any]]:
        """The locked source as the fetcher takes it."""
        pinned = self.project.locked().source
        return {pinned.source.kind: pinned.to_spec()}
