"""Projects for the tests of the generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_gen import retry

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project


@pytest.fixture
def hub_project(project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose Hub is ours."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.01)
    return project
