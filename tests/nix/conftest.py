"""Fixtures for tests of flakes, and of commands for shells."""

from __future__ import annotations

import shutil
import sysconfig
from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support.environment import CHECKOUT
from support.expressions import LIBRARY, literal
from support.shells import HUB_OF_THE_SCRIPT, NAMES, SHELLS, Scripts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture
def standin(tmp_path: Path) -> Path:
    """Return the stand-in for nixpkgs, as a flake with the Python packages of this environment."""
    standin = tmp_path / "pkgs"
    shutil.copytree(CHECKOUT / "tests/nix/pkgs", standin)
    (standin / "site-packages").write_text(sysconfig.get_path("purelib"))
    return standin


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """Nothing is built for them: no command reads the target of a link."""
    names = " ".join(map(literal, NAMES))
    with nixes.available("host") as nix:
        value = nix.eval(
            f"{LIBRARY} let models = map model [ {names} ]; hub = {literal(HUB_OF_THE_SCRIPT)}; in"
            " { store = builtins.storeDir; hook = integration.mkShellHook { inherit models; };"
            " online = integration.mkShellHook { inherit models; offline = false; };"
            ' link = integration.mkLinkScript { model = model "one"; cacheDir = "$HOME/${hub}"; };'
            " targets = builtins.listToAttrs"
            " (map (m: { name = m.hfCachePath; value = m.outPath; }) models); }"
        )
        yield Scripts(**value)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Sequence[str]:
    command = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} on this machine")
    return command
