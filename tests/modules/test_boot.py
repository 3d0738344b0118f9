"""A machine that boots with our NixOS module: the view of its services and of its users."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from support import tinyllama
from support.expressions import literal
from support.modules import PROBE, entry, pinned, system

if TYPE_CHECKING:
    from pathlib import Path

    from modules.conftest import Install
    from support.hub import Hub
    from support.nix import NixEnv

CACHE = "/var/cache/huggingface"
ONE = f"{CACHE}/hub/models--org--one"
LOAD = (
    "from transformers import AutoModelForCausalLM as M;"
    f" print(M.from_pretrained('{tinyllama.REPO}').config.model_type)"
)
SERVICE = f"""{{
  systemd.services.inference = {{
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {{
      Type = "oneshot";
      User = "hf";
      SyslogIdentifier = "inference";
      ExecStart = [ "/usr/bin/env" ''{sys.executable} -c "{LOAD}"'' ];
    }};
  }};
}}"""


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.fixture(scope="module")
def offline(store: NixEnv, models_hub: Hub) -> Path:
    repo = models_hub.add_repo(tinyllama.REPO, tinyllama.files(), lfs=["*.safetensors"])
    return system(
        store,
        f"""{{
          services.ai-models.enable = true;
          services.ai-models.models.llama-2-7b = {pinned(models_hub, repo)};
          services.ai-models.integration.huggingface.offline = true;
        }}""",
        SERVICE,
    )


def test_a_service_loads_a_model(install: Install, offline: Path) -> None:
    machine = install(offline)
    with machine.booted():
        said = machine.log("inference").splitlines()
        assert {f"HF_HOME={CACHE}", "HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1"} <= {*said}
        assert "llama" in said
        assert machine.run("systemctl", "--failed", "--quiet").stdout == ""
        # As in the documentation.
        loaded = machine.login(
            f'HF_HUB_CACHE={CACHE}/hub HF_HUB_OFFLINE=1 {sys.executable} -c "{LOAD}"'
        )
        assert loaded.stdout == "llama\n"


@pytest.fixture(scope="module")
def plain(store: NixEnv) -> Path:
    return system(
        store,
        f"""{{
          services.ai-models.enable = true;
          services.ai-models.models.one.package = {entry("one")};
        }}""",
    )


def test_users_keep_their_own_cache(install: Install, plain: Path) -> None:
    machine = install(plain)
    with machine.booted():
        for command in ("env", "systemctl --user show-environment"):
            variables = machine.login(command).stdout
            assert "HOME=/home/alice" in variables
            assert "HF_" not in variables
        refused = machine.login(f"ln -sfn /dev/null {ONE}", check=False)
        assert "Permission denied" in refused.stderr
    # The administrator's settings for all sessions remain.
    machine.path("/etc/environment").write_text("HF_HOME=/srv/hf\n")
    with machine.booted():
        assert "HF_HOME=/srv/hf" in machine.login("systemctl --user show-environment").stdout


def test_links_are_there_while_the_unit_is(install: Install, plain: Path) -> None:
    machine = install(plain)
    link = machine.path(ONE)
    for _ in range(2):
        with machine.booted():
            assert machine.run("cat", f"{ONE}/refs/main").stdout
            assert (link.lstat().st_uid, stat.S_IMODE(link.parent.stat().st_mode)) == (0, 0o755)
            # Nothing is repeated.
            before = link.lstat()
            machine.run("systemctl", "reload", "ai-models")
            assert link.lstat() == before
            machine.run("systemctl", "stop", "ai-models")
            assert names(machine.path(CACHE)) == ["hub"]
            assert names(link.parent) == []
            machine.run("systemctl", "start", "ai-models")
            assert link.is_symlink()


def test_systemd_finds_nothing_wrong_with_our_units(install: Install, plain: Path) -> None:
    machine = install(plain)
    with machine.booted():
        units = ("ai-models.service", "user@1000.service")
        done = machine.run("systemd-analyze", "verify", "--man=no", *units)
        assert done.stdout + done.stderr == ""
        assert "cycle" not in machine.run("journalctl", "--no-pager").stdout
        linked, started = (
            int(
                machine.run(
                    *("systemctl", "show", "--value", "--property=ActiveEnterTimestampMonotonic"),
                    unit,
                ).stdout
            )
            for unit in ("ai-models.service", "sysinit.target")
        )
        assert linked < started


@pytest.mark.parametrize(
    ("mode", "user", "group", "access"),
    [("link", "hf", "alice", 0o755), ("directory", "500", "1000", 0o2775)],
)
def test_a_cache_of_any_name_and_user(  # noqa: PLR0913, PLR0917 (its parameters)
    install: Install, store: NixEnv, mode: str, user: str, group: str, access: int
) -> None:
    cache = "/srv/a b%h\"c'$x\\d"
    machine = install(
        system(
            store,
            f"""{{
              services.ai-models.enable = true;
              services.ai-models.models.one.package = {entry("one")};
              services.ai-models.integration.huggingface = {{
                cacheDir = {literal(cache)};
                user = "{user}";
                group = "{group}";
                mode = "{mode}";
              }};
            }}""",
            PROBE,
        )
    )
    with machine.booted():
        assert f"linked 1 in {cache}/hub\n" in machine.log("ai-models")
        assert f"HF_HOME={cache}\n" in machine.log("probe")
        for directory in (machine.path(cache), machine.path(f"{cache}/hub")):
            status = directory.stat()
            assert (status.st_uid, status.st_gid) == (500, 1000)
            assert stat.S_IMODE(status.st_mode) == access
        assert machine.run("cat", f"{cache}/hub/models--org--one/refs/main").stdout
        # The group's programs add models only in the mode for that.
        added = machine.login(f"mkdir {shlex.quote(cache)}/hub/models--org--mine", check=False)
        assert (added.returncode == 0) == (mode == "directory")


def test_an_existing_directory_keeps_its_owner(install: Install, plain: Path) -> None:
    machine = install(plain)
    directory = machine.path(CACHE)
    (directory / "hub").mkdir(parents=True)
    (directory / "token").write_text("hf_mine")
    for path in (directory, directory / "hub", directory / "token"):
        os.chown(path, 1000, 1000)
        path.chmod(0o700)
    with machine.booted():
        assert machine.path(ONE).is_symlink()
    for path in (directory, directory / "hub", directory / "token"):
        status = path.stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1000, 1000, 0o700)


def test_a_cache_on_a_disk_of_its_own(install: Install, plain: Path) -> None:
    machine = install(plain)
    machine.path("/etc/fstab").write_text(f"tmpfs {CACHE} tmpfs mode=755 0 0\n")
    with machine.booted():
        assert machine.run("findmnt", "--noheadings", "--output=FSTYPE", CACHE).stdout == "tmpfs\n"
        assert machine.run("cat", f"{ONE}/refs/main").stdout
    assert names(machine.path(CACHE)) == []


@pytest.mark.parametrize("cache", ["/home/alice", "/root", "/tmp", "/dev/shm", "/etc"])  # noqa: S108 (of the machine)
def test_a_cache_anywhere(install: Install, store: NixEnv, cache: str) -> None:
    """What the unit is kept from does not include its cache."""
    machine = install(
        system(
            store,
            f"""{{
              services.ai-models.enable = true;
              services.ai-models.models.one.package = {entry("one")};
              services.ai-models.integration.huggingface.cacheDir = "{cache}/hf";
            }}""",
        )
    )
    with machine.booted():
        assert machine.run("cat", f"{cache}/hf/hub/models--org--one/refs/main").stdout
        machine.run("systemctl", "stop", "ai-models")
        assert machine.run("ls", "-A", f"{cache}/hf/hub").stdout == ""


NETWORK_DISK = """{
  fileSystems."/srv/net" = {
    mountPoint = "/srv/net";
    device = "tmpfs";
    fsType = "tmpfs";
    options = [ "_netdev" ];
  };
}"""


@pytest.mark.parametrize("there", [True, False])
def test_a_cache_on_the_network(install: Install, store: NixEnv, there: bool) -> None:  # noqa: FBT001 (a parameter)
    machine = install(
        system(
            store,
            f"""{{
              services.ai-models.enable = true;
              services.ai-models.models.one.package = {entry("one")};
              services.ai-models.integration.huggingface = {{
                cacheDir = "/srv/net/hf";
                user = "hf";
              }};
            }}""",
            NETWORK_DISK,
        )
    )
    device = "tmpfs /srv/net tmpfs" if there else "host:/missing /srv/net nfs"
    machine.path("/etc/fstab").write_text(f"{device} _netdev,nofail 0 0\n")
    with machine.booted():
        assert machine.state("multi-user.target") == "active"
        assert "cycle" not in machine.run("journalctl", "--no-pager").stdout
        assert (machine.state("ai-models") == "active") == there
        found = machine.run("find", "/srv/net", "-name", "models--*", "-user", "hf").stdout
        assert found == ("/srv/net/hf/hub/models--org--one\n" if there else "")
    # Nothing is below the mount point.
    assert names(machine.path("/srv/net")) == []


def test_a_cache_that_cannot_be_written_keeps_nothing_from_starting(
    install: Install, plain: Path
) -> None:
    machine = install(plain)
    machine.path("/var/cache").mkdir(parents=True)
    machine.path(CACHE).write_text("a file")
    with machine.booted():
        assert machine.state("multi-user.target") == "active"
        assert machine.state("ai-models") == "failed"
        assert f"error: {CACHE} is a file, where a directory is needed" in machine.log("ai-models")
    assert machine.path(CACHE).read_text() == "a file"
