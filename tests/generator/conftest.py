"""Projects and stores for the tests of the generator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from generator.stores import FILES, LFS, MANIFEST, PATH
from support.nginx import Nginx, public_directory
from support.patience import hurry
from support.recording_proxy import RecordingProxy
from support.s3 import ENV, Moto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """An S3 server."""
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture
def recording_proxy(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingProxy]:
    """The way to moto, which is where the environment says that buckets are."""
    with RecordingProxy(moto.url) as recording_proxy:
        for variable, value in {**ENV, "AWS_ENDPOINT_URL": recording_proxy.url}.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
        hurry(monkeypatch)
        yield recording_proxy


@pytest.fixture
def bucket(moto: Moto, recording_proxy: RecordingProxy, request: pytest.FixtureRequest) -> str:
    """An empty one."""
    assert recording_proxy.url
    name = "".join(c for c in request.node.name.lower() if c.isalnum())[-40:] + "-bucket"
    moto.bucket(name)
    return name


@pytest.fixture
def hub_project(project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose Hub is ours."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hurry(monkeypatch)
    return project


@pytest.fixture
def nix_store(nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of each Nix the one that is used, with its programs on PATH."""
    for variable, value in nix.variables().items():
        monkeypatch.setenv(variable, value)
    if nix.root is not None:
        programs = nix.real / "bin"
        programs.mkdir()
        for name in ("nix", "nix-store", "nix-instantiate"):
            # A test enters the root by itself, too.
            entry = f"[ ! -d {nix.root} ] || entry='{' '.join(nix.entry())}'"
            command = f'PATH={PATH} exec $entry {name} "$@"'
            (programs / name).write_text(f"#!/bin/sh\n{entry}\n{command}\n")
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


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """A directory that other users can read."""
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def nginx(public: Path) -> Iterator[Nginx]:
    """A web server of `root` in that directory."""
    for name in ("root", "nginx"):
        (public / name).mkdir()
    with Nginx(public / "root", public / "nginx") as nginx:
        yield nginx
