"""The source that docs/adding-a-source.md adds is one: it passes the contract, and our checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from docs.session import blocks
from support.environment import CACHE, CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

KIND = "index"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this one with the files of the page."""
    directory = tmp_path_factory.mktemp("checkout")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], check=True, capture_output=True, text=True, cwd=CHECKOUT
    ).stdout
    for name in filter(None, tracked.split("\0")):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target)
    for block in blocks("docs/adding-a-source.md"):
        if block.kind == "file":
            assert block.name is not None
            assert not (directory / block.name).exists(), "nothing else changes"
            (directory / block.name).write_text(block.text)
    return directory


def run(checkout: Path, *command: str) -> str:
    paths = (str(checkout / part) for part in ("generator", "nix/fetcher", "tests"))
    # The tests in the copy use the newer Nix of this machine, and make no other.
    environment = {"PYTHONPATH": os.pathsep.join(paths), "XDG_CACHE_HOME": str(CACHE.parent)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_passes_the_contract(checkout: Path) -> None:
    said = run(checkout, "pytest", "-q", "tests/contract", "tests/nix/test_sources.py", "-k", KIND)
    assert int(said.split(" passed")[0].split()[-1]) > 40


def test_it_passes_our_checks(checkout: Path) -> None:
    run(checkout, "ruff", "check", "--quiet", ".")
    run(checkout, "ruff", "format", "--check", "--quiet", ".")
    run(checkout, "mypy", "generator/aimodels_gen", "nix/fetcher")


def test_it_is_an_option_of_the_modules(checkout: Path) -> None:
    kinds = "builtins.attrNames (import ./nix/sources).kinds"
    found = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "-E", kinds],
        check=True,
        capture_output=True,
        text=True,
        cwd=checkout,
        env={**os.environ, "NIX_REMOTE": "dummy://"},
    ).stdout
    assert KIND in found
