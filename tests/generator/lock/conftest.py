"""Stores for the tests of what is fetched once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from generator.lock.stores import FILES, LFS, MANIFEST, PATH

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project


@pytest.fixture
def nix_store(nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of each Nix the one that is used, with its programs on PATH."""
    for variable, value in nix.variables().items():
        monkeypatch.setenv(variable, value)
    if nix.root is not None:
        programs = nix.real / "bin"
        programs.mkdir()
        for name in ("nix-store", "nix-instantiate"):
            command = f'PATH={PATH} exec {" ".join(nix.entry())} {name} "$@"'
            (programs / name).write_text(f"#!/bin/sh\n{command}\n")
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return nix


@pytest.fixture
def host_store(host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of `nix-store` an empty one."""
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(host_nix.dir / "cache"))
    return host_nix


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MANIFEST)
    return hub.add_repo("org/name", FILES, lfs=LFS)
