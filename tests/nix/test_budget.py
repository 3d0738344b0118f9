"""What models cost to evaluate. Nix counts the same on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.nix import check_budget

if TYPE_CHECKING:
    from support.nix import NixEnv

# Thunks and calls of functions that Nix 2.8 needs for each model without its files, and for each
# file; Nix 2.34 needs nearly the same. A tenth more is allowed, which no work that is done again
# for each of them fits into.
COSTS = {
    "files": {"model": (319, 173), "file": (27, 22)},
    "bundle": {"model": (321, 177), "file": (8, 14)},
    "tree": {"model": (249, 173), "file": (0, 0)},
}
# Where `fetchModel pkgs` is applied once.
ONCE = (243, 157)


def cost(nix: NixEnv, pin: str, models: int, files: int, *, once: bool = False) -> tuple[int, int]:
    arguments = f'pin = "{pin}"; models = {models}; files = {files}; once = {str(once).lower()};'
    return nix.counts(f"import ./tests/nix/many.nix {{ {arguments} }}")


@pytest.mark.parametrize("pin", COSTS)
def test_models_and_files(nix: NixEnv, pin: str) -> None:
    one, models, files = (cost(nix, pin, *size) for size in ((1, 1), (11, 1), (1, 101)))
    check_budget(COSTS[pin]["model"], one, models, 10)
    check_budget(COSTS[pin]["file"], one, files, 100)


def test_many_models_share_the_work(host_nix: NixEnv) -> None:
    one, many = (cost(host_nix, "files", models, 1, once=True) for models in (1, 11))
    check_budget(ONCE, one, many, 10)


def test_an_environment_of_python_is_expensive(host_nix: NixEnv) -> None:
    """As with nixpkgs, where it costs 580; otherwise the stand-in would hide one."""
    scope = 'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; }; in'
    made = f"{scope} (pkgs.python3.withPackages (python: [ python.requests ])) == pkgs.python3"
    thunks, _ = host_nix.counts(made)
    assert thunks > 550
