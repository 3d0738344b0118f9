"""Our modules in what they are for: Nix expressions of the whole `config`, and what is built of it.

NixOS is the module system of the real nixpkgs and the options that we set; Home Manager is the real
one. Where the flake registry does not have them, the test is skipped and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import registry
from support.environment import CHECKOUT
from support.expressions import files, literal

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv

_FOLDER = CHECKOUT / "tests" / "modules"

# A module for Home Manager, where a generation is to be made.
GENERATION = f"{_FOLDER}/generation.nix"

# A service of NixOS that tells its environment.
PROBE = """{
  systemd.services.probe = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      ExecStart = "/usr/bin/env";
    };
  };
}"""


def nixos(*modules: str) -> str:
    """Of NixOS with these modules beside ours: Nix expressions, or paths."""
    lib = registry.flake("nixpkgs") / "lib"
    return f"(import {_FOLDER}/nixos.nix {{ lib = import {lib}; modules = {_list(modules)}; }})"


def home_manager(*modules: str, platform: str = "x86_64-linux") -> str:
    """Of Home Manager for a user `alice`, with these modules beside ours."""
    lib, source = registry.flake("nixpkgs") / "lib", registry.flake("home-manager")
    return (
        f"(import {_FOLDER}/home-manager.nix {{ lib = import {lib}; home-manager = {source};"
        f' system = "{platform}"; modules = {_list(modules)}; }})'
    )


def system(nix: NixEnv, *modules: str) -> Path:
    """A system with these modules beside ours, and with that Nix's daemon."""
    environment = "".join(f"{key} = {literal(value)};" for key, value in nix.variables().items())
    daemon = f"{{ systemd.services.nix-daemon.environment = {{ {environment} }}; }}"
    modules = (daemon, f"{_FOLDER}/machine.nix", *modules)
    return nix.build(f"{nixos(*modules)}.system.build.toplevel")


def generation(nix: NixEnv, *modules: str) -> Path:
    """A generation of Home Manager with these modules beside ours."""
    return nix.build(
        f"{home_manager(f'{_FOLDER}/generation.nix', *modules)}.home.activationPackage"
    )


def entry(name: str, content: str = "1") -> str:
    """A package that is the cache entry `models--org--NAME`, made without network."""
    lib = registry.flake("nixpkgs") / "lib"
    return (
        f"(import {_FOLDER}/entry.nix {{ lib = import {lib}; name = {literal(name)};"
        f" content = {literal(content)}; }})"
    )


def pinned(hub: Hub, repo: Repo) -> str:
    """A model of the test Hub, as `models.<name>` takes it."""
    source = f'repo = "{repo.id}"; rev = "{repo.sha}"; endpoint = "{hub.url}";'
    return f"{{ source.huggingface = {{ {source} }}; files = {files(repo)}; }}"


def _list(modules: tuple[str, ...]) -> str:
    return f"[ {' '.join(f'({module})' for module in modules)} ]"
