"""Stores and machines for the configurations of our modules."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from support import machine
from support import nix as nixes
from support.home import daemon
from support.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.machine import Machine
    from support.nix import NixEnv


@pytest.fixture(scope="module")
def store() -> Iterator[NixEnv]:
    """Return the machine's Nix, with a store that the tests of a file share."""
    with nixes.available("host") as environment:
        yield environment


@pytest.fixture(scope="module")
def models_hub() -> Iterator[Hub]:
    """Return a Hub for the tests of a file."""
    with Hub() as server:
        yield server


@pytest.fixture(scope="module")
def homes(store: NixEnv) -> Iterator[Path]:
    """Return a directory for homes, whose users share the store."""
    # Not a pytest directory: those are closed to other users.
    directory = Path(tempfile.mkdtemp(prefix="aimodels-home-"))
    directory.chmod(0o755)
    with daemon(store):
        yield directory
    shutil.rmtree(directory)


class Install(Protocol):
    def __call__(self, system: Path) -> Machine: ...


@pytest.fixture
def install(store: NixEnv) -> Iterator[Install]:
    """Install machines, which are removed after the test."""
    # Not a pytest directory: those are closed to other users.
    directory = Path(tempfile.mkdtemp(prefix="aimodels-machine-"))
    directory.chmod(0o755)
    names = iter("abc")
    yield lambda system: machine.install(directory / next(names), system, store)
    shutil.rmtree(directory)
