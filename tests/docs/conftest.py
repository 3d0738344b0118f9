"""Fixtures for tests of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs.session import start
from support import tinyllama
from support.nix import available

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docs.session import Session
    from support.hub import Hub

_REPOS = (
    tinyllama.REPO,
    "google-bert/bert-base-uncased",
    "sentence-transformers/all-MiniLM-L6-v2",
)


@pytest.fixture
def session(hub: Hub, tmp_path: Path) -> Iterator[Session]:
    """A machine with the newest Nix that can be had, and a Hub that has the documents' models."""
    for repo in _REPOS:
        hub.add_repo(repo, tinyllama.files(), lfs=["*.safetensors"])
    directory, home = tmp_path / "project", tmp_path / "home"
    directory.mkdir()
    (home / "bin").mkdir(parents=True)
    try:
        with available("forky") as nix:
            yield start(nix, directory, home, hub.url)
    except pytest.skip.Exception:
        with available("host") as nix:
            yield start(nix, directory, home, hub.url)
