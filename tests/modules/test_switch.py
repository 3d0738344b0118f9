"""Switching between systems: models are added, changed, moved and removed, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modules import helpers
from modules.helpers import DIRECTORY, Configurations, content, download
from support.modules import entry, system

if TYPE_CHECKING:
    from modules.conftest import Install
    from support.machine import Machine
    from support.nix import NixEnv

CACHE = "/var/cache/huggingface"


@pytest.fixture(scope="module")
def systems(store: NixEnv) -> Configurations:
    return Configurations("services.ai-models", lambda module: system(store, module))


def found(machine: Machine, cache: str = CACHE) -> dict[str, str]:
    return helpers.found(machine.path(f"{cache}/hub"))


def test_back_and_forth(install: Install, systems: Configurations) -> None:
    first, second = systems(a="1", b="1"), systems(a="2", c="2")
    machine = install(first)
    download(machine.path(f"{CACHE}/hub/models--org--mine"))
    with machine.booted():
        for _ in range(25):
            machine.switch(second)
            assert found(machine) == {"a": "2", "c": "2", "mine": "mine"}
            machine.switch(first)
            assert found(machine) == {"a": "1", "b": "1", "mine": "mine"}
        assert machine.state("ai-models") == "active"
        # Its store can be written to.
        others = re.sub("warning: .* is not mounted read-only", "", machine.log("ai-models"))
        assert "warning" not in others


@pytest.mark.parametrize(
    "without",
    [
        "{ services.ai-models.enable = false; }",
        """{
          services.ai-models.enable = true;
          services.ai-models.integration.huggingface.enable = false;
        }""",
        "{ services.ai-models.enable = true; }",
    ],
    ids=["disabled", "not linked", "no models"],
)
@pytest.mark.parametrize("mode", ["", DIRECTORY], ids=["link", "directory"])
def test_without_models(install: Install, systems: Configurations, mode: str, without: str) -> None:
    first, second = systems(mode, a="1", b="1"), systems.of(without)
    machine = install(first)
    with machine.booted():
        download(machine.path(f"{CACHE}/hub/models--org--mine"))
        machine.switch(second)
        assert found(machine) == {"mine": "mine"}
        machine.switch(first)
        assert found(machine) == {"a": "1", "b": "1", "mine": "mine"}


def test_another_cache(install: Install, systems: Configurations) -> None:
    elsewhere = systems('integration.huggingface.cacheDir = "/srv/hf";', a="1")
    machine = install(systems(a="1"))
    with machine.booted():
        download(machine.path(f"{CACHE}/hub/models--org--mine"))
        for _ in range(2):
            machine.switch(elsewhere)
            assert found(machine) == {"mine": "mine"}
            assert found(machine, "/srv/hf") == {"a": "1"}
            machine.switch(systems(a="1"))
            assert found(machine) == {"a": "1", "mine": "mine"}
            assert found(machine, "/srv/hf") == {}


def test_to_the_network_and_back(install: Install, systems: Configurations) -> None:
    local, remote = (
        systems.of(
            f"""{{
              services.ai-models = {{
                enable = true;
                models.a.package = {entry("a")};
                {settings}
              }};
              fileSystems."/srv/net" = {{
                mountPoint = "/srv/net";
                device = "tmpfs";
                fsType = "tmpfs";
                options = [ "_netdev" ];
              }};
            }}"""
        )
        for settings in ("", 'integration.huggingface.cacheDir = "/srv/net/hf";')
    )
    machine = install(local)
    machine.path("/etc/fstab").write_text("tmpfs /srv/net tmpfs _netdev 0 0\n")

    def linked() -> list[str]:
        return machine.run("find", "/srv", "/var/cache", "-name", "models--*").stdout.split()

    with machine.booted():
        for _ in range(2):
            machine.switch(remote)
            assert linked() == ["/srv/net/hf/hub/models--org--a"]
            machine.switch(local)
            assert linked() == [f"{CACHE}/hub/models--org--a"]
        assert "error" not in machine.log("ai-models")


def test_another_mode(install: Install, systems: Configurations) -> None:
    links, directories = systems("", a="1", b="1"), systems(DIRECTORY, a="1", b="1")
    machine = install(links)
    a, b = (machine.path(f"{CACHE}/hub/models--org--{name}") for name in "ab")
    with machine.booted():
        machine.switch(directories)
        assert a.is_dir()
        assert not a.is_symlink()
        assert found(machine) == {"a": "1", "b": "1"}
        (a / "blobs/more").write_text("a download")
        machine.switch(links)
        assert b.is_symlink()
        assert (a / "blobs/more").read_text() == "a download"
        assert f"{CACHE}/hub/models--org--a has downloads in it" in machine.log("ai-models")
        assert found(machine) == {"a": "1", "b": "1"}


def test_what_is_in_the_way_stays(install: Install, systems: Configurations) -> None:
    machine = install(systems(z="1"))
    hub = machine.path(f"{CACHE}/hub")
    download(hub / "models--org--a")
    (hub / "models--org--b").write_text("a file")
    (hub / "models--org--c").symlink_to("/srv/mine")
    with machine.booted():
        machine.switch(systems(a="1", b="1", c="1", z="2"))
        assert content(hub / "models--org--a") == "mine"
        assert (hub / "models--org--b").read_text() == "a file"
        assert (hub / "models--org--c").readlink() == Path("/srv/mine")
        assert content(hub / "models--org--z") == "2"
        # The hint in the message works.
        commands = re.findall("mv -- .*$", machine.log("ai-models"), re.MULTILINE)
        assert len(commands) == 3
        for command in commands:
            machine.run("sh", "-c", command)
        machine.run("systemctl", "reload", "ai-models")
        assert {path.name for path in hub.iterdir()} == {
            *(f"models--org--{name}" for name in "abcz"),
            *(f"models--org--{name}.old" for name in "abc"),
        }
        assert content(hub / "models--org--a") == "1"
        assert content(hub / "models--org--a.old") == "mine"


def test_a_cache_that_gets_another_user(install: Install, systems: Configurations) -> None:
    machine = install(systems(a="1"))
    with machine.booted():
        machine.switch(systems('integration.huggingface.user = "hf";', a="2", b="2"))
        assert found(machine) == {"a": "1"}
        # The hint in the message works.
        for directory in (CACHE, f"{CACHE}/hub"):
            *_, advice = re.findall(r"\(sudo (chown .* -- .*?)\)", machine.log("ai-models"))
            assert advice.endswith(f" -- {directory}")
            machine.run("sh", "-c", advice)
            machine.run("systemctl", "restart", "ai-models", check=False)
        assert found(machine) == {"a": "2", "b": "2"}
