"""A model that is locked, for tests of what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.project import Project

MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    """A model that is locked, and has moved since."""
    repo = hub.add_repo("org/name", {"config.json": b"{}"})
    hub_project.write(MODEL)
    hub_project.ok("lock", "-o", "models.nix")
    repo.commit({"config.json": b"[]"})
    return repo
