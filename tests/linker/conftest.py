"""The linker is tested on entries that the fetcher has laid out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from aimodels_linker import lock
from support.fake_repo import Repo
from support.linker import Linker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from support.fake_repo import Content


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stops the machine in a test, so nothing needs to reach the disk."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture(autouse=True)
def _own_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests that run at the same time do not wait for each other."""
    monkeypatch.setattr(lock, "_ROOTS_DIRECTORY", str(tmp_path / "lock"))


@pytest.fixture
def linker(tmp_path: Path) -> Linker:
    """The linker, for a hub directory that is not there yet, below one that is."""
    (tmp_path / "cache").mkdir()
    return Linker(tmp_path)


@pytest.fixture(params=["link", "directory"])
def either(request: pytest.FixtureRequest, linker: Linker) -> Linker:
    """The linker, in each of its modes."""
    return linker.but(mode=request.param)


@pytest.fixture
def directories(linker: Linker) -> Linker:
    """The linker, making directories."""
    return linker.but(mode="directory")


@pytest.fixture
def entry(linker: Linker) -> Callable[..., Path]:
    """Make an entry in the store for a model with these files."""

    def make(name: str = "a", files: Mapping[str, Content] | None = None) -> Path:
        repo = Repo(f"org/{name}", ("*.safetensors",))
        repo.commit(files or {"config.json": name.encode(), "w.safetensors": b"weights"})
        return linker.entry(repo)

    return make
