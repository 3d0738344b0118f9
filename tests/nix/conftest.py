"""Fixtures for tests of flakes."""

from __future__ import annotations

import shutil
import sysconfig
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def standin(tmp_path: Path) -> Path:
    """Return the stand-in for nixpkgs, as a flake with the Python packages of this environment."""
    standin = tmp_path / "pkgs"
    shutil.copytree(CHECKOUT / "tests/nix/pkgs", standin)
    (standin / "site-packages").write_text(sysconfig.get_path("purelib"))
    return standin
