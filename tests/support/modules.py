"""Our modules in what they are for: Nix expressions of the whole `config`.

NixOS is the module system of the real nixpkgs and the options that we set; Home Manager is the real
one. Where the flake registry does not have them, the test is skipped and says so.
"""

from __future__ import annotations

from support import registry
from support.environment import CHECKOUT

_FOLDER = CHECKOUT / "tests" / "modules"


def nixos(*modules: str) -> str:
    """Of NixOS with these modules beside ours: Nix expressions, or paths."""
    lib = registry.flake("nixpkgs") / "lib"
    return f"(import {_FOLDER}/nixos.nix {{ lib = import {lib}; modules = {_list(modules)}; }})"


def home_manager(*modules: str) -> str:
    """Of Home Manager for a user `alice`, with these modules beside ours."""
    lib, source = registry.flake("nixpkgs") / "lib", registry.flake("home-manager")
    return (
        f"(import {_FOLDER}/home-manager.nix {{ lib = import {lib}; home-manager = {source};"
        f" modules = {_list(modules)}; }})"
    )


def _list(modules: tuple[str, ...]) -> str:
    return f"[ {' '.join(f'({module})' for module in modules)} ]"
