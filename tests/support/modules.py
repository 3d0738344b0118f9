"""Our modules in whole configurations: Nix expressions of the `config`, and their builds.

NixOS is the module system of the real nixpkgs and the options that we set; Home Manager is the real
one. If the flake registry does not have them, the test is skipped with the reason.
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

_DIRECTORY = CHECKOUT / "tests" / "modules"

# A module for Home Manager, for building generations.
GENERATION = f"{_DIRECTORY}/generation.nix"

# A service of NixOS that prints its environment.
PROBE = """{
  systemd.services.probe = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      ExecStart = "/usr/bin/env";
      SyslogIdentifier = "probe";
    };
  };
}"""


def nixos(*modules: str) -> str:
    """Return the `config` of NixOS with our module and these: Nix expressions, or paths."""
    lib = registry.flake("nixpkgs") / "lib"
    return f"(import {_DIRECTORY}/nixos.nix {{ lib = import {lib}; modules = {_list(modules)}; }})"


def home_manager(*modules: str, platform: str = "x86_64-linux") -> str:
    """Return the `config` of Home Manager for a user `alice`, with our module and these."""
    lib, source = registry.flake("nixpkgs") / "lib", registry.flake("home-manager")
    return (
        f"(import {_DIRECTORY}/home-manager.nix {{ lib = import {lib}; home-manager = {source};"
        f' system = "{platform}"; modules = {_list(modules)}; }})'
    )


def system(nix: NixEnv, *modules: str) -> Path:
    """Build a system with our module and these, and with the daemon of that Nix."""
    return nix.build(toplevel(nix, *modules))


def toplevel(nix: NixEnv, *modules: str) -> str:
    """Return such a system as an expression."""
    environment = "".join(f"{key} = {literal(value)};" for key, value in nix.variables().items())
    daemon = f"{{ systemd.services.nix-daemon.environment = {{ {environment} }}; }}"
    modules = (daemon, f"{_DIRECTORY}/machine.nix", *modules)
    return f"{nixos(*modules)}.system.build.toplevel"


def generation(nix: NixEnv, *modules: str) -> Path:
    """Build a generation of Home Manager with our module and these."""
    return nix.build(
        f"{home_manager(f'{_DIRECTORY}/generation.nix', *modules)}.home.activationPackage"
    )


def entry(name: str, content: str = "1") -> str:
    """Return a package that is the cache entry `models--org--NAME`, built without network."""
    lib = registry.flake("nixpkgs") / "lib"
    return (
        f"(import {_DIRECTORY}/entry.nix {{ lib = import {lib}; name = {literal(name)};"
        f" content = {literal(content)}; }})"
    )


def pinned(hub: Hub, repo: Repo) -> str:
    """Return a model of the test Hub, as a value for `models.<name>`."""
    source = f'repo = "{repo.id}"; rev = "{repo.sha}"; endpoint = "{hub.url}";'
    return f"{{ source.huggingface = {{ {source} }}; files = {files(repo)}; }}"


def _list(modules: tuple[str, ...]) -> str:
    return f"[ {' '.join(f'({module})' for module in modules)} ]"
