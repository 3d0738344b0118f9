"""The unit files of our NixOS module, as the programs of systemd see them without a machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from support.expressions import literal
from support.modules import entry, system

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

FSTAB_GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"
UNITS = "/usr/lib/systemd/system"
SCORE = re.compile(r"exposure level for .*: ([0-9.]+)")
MOST = 2.0

# A network that starts as most do: after basic.target.
NETWORK = """[Unit]
Before=network-online.target
[Service]
Type=oneshot
ExecStart=/bin/true
"""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd on this machine"
)


def analyze(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--man=no", "--no-pager", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    )
    return done.stdout + done.stderr


def configuration(settings: str, *more: str) -> tuple[str, ...]:
    models = f"models.one.package = {entry('one')};"
    return (f"{{ services.ai-models = {{ enable = true; {models} {settings} }}; }}", *more)


ELSEWHERE = 'integration.huggingface.cacheDir = "/srv/hf/cache";'
NETWORK_FILE_SYSTEM = """{
  fileSystems."/srv/hf" = { mountPoint = "/srv/hf"; fsType = "nfs"; device = "host:/"; };
}"""


@pytest.mark.parametrize(
    "modules",
    [
        configuration(""),
        configuration('integration.huggingface = { user = "hf"; mode = "directory"; };'),
        configuration(ELSEWHERE, NETWORK_FILE_SYSTEM),
        configuration(
            f'{ELSEWHERE} integration.huggingface = {{ user = "hf"; mode = "directory"; }};',
            NETWORK_FILE_SYSTEM,
        ),
        configuration('integration.huggingface.cacheDir = "/etc/hf";'),
    ],
    ids=["root", "user", "late", "late user", "in /etc"],
)
def test_exposure(store: NixEnv, modules: tuple[str, ...]) -> None:
    """Each unit has only the rights that it needs, by the measure of systemd."""
    token = '{ services.ai-models.tokenFile = "/run/secrets/hf"; }'
    units = system(store, *modules, token) / "systemd/system"
    for name in ("ai-models", "ai-models-token"):
        found = analyze("security", "--offline=true", str(units / f"{name}.service"))
        (score,) = SCORE.findall(found)
        assert float(score) <= MOST, found


class Mount(NamedTuple):
    point: str
    device: str
    kind: str
    options: str

    def declaration(self) -> str:
        options = " ".join(map(literal, self.options.split(",")))
        return (
            f"fileSystems.{literal(self.point)} = {{ mountPoint = {literal(self.point)};"
            f" device = {literal(self.device)}; fsType = {literal(self.kind)};"
            f" options = [ {options} ]; }};"
        )

    def line(self) -> str:
        """Return its line of fstab."""
        words = (self.device, self.point, self.kind, self.options)
        return " ".join(word.replace(" ", "\\040") for word in words) + " 0 0\n"


class Case(NamedTuple):
    mounts: list[Mount]
    cache: str
    # Whether it is there after the network only.
    late: bool


NFS = Mount("/srv/hf", "host:/hf", "nfs", "defaults")
BIND = Mount("/var/cache/huggingface", "/srv/hf/cache", "none", "bind,nofail")
DISK = Mount("/srv", "/dev/sdx", "ext4", "nofail")
CASES = {
    "nfs": Case([NFS], "/srv/hf", late=True),
    "parent": Case([NFS], "/srv/hf/a/b", late=True),
    "below": Case([Mount("/srv/hf/hub", "host:/hub", "nfs4", "hard")], "/srv/hf", late=True),
    "sibling": Case([NFS], "/srv/hf2", late=False),
    "cifs": Case([Mount("/srv/hf", "//host/hf", "cifs", "nofail,guest")], "/srv/hf", late=True),
    "sshfs": Case([Mount("/srv/hf", "me@host:", "fuse.sshfs", "rw")], "/srv//hf/.", late=True),
    "_netdev": Case([Mount("/srv/hf", "/dev/sdx", "ext4", "rw,_netdev")], "/srv/hf", late=True),
    "automount": Case(
        [Mount("/srv/hf", "host:/hf", "nfs", "noauto,x-systemd.automount")], "/srv/hf", late=True
    ),
    "after": Case(
        [Mount("/srv/hf", "tag", "virtiofs", "nofail,x-systemd.after=network-online.target")],
        "/srv/hf",
        late=True,
    ),
    "bind": Case([NFS, BIND], "/var/cache/huggingface", late=True),
    "network below a disk": Case([DISK, NFS], "/srv/hf", late=True),
    "disk below a network": Case(
        [NFS, Mount("/srv/hf/disk", "/dev/sdx", "ext4", "nofail")], "/srv/hf/disk", late=True
    ),
    "disk": Case([DISK], "/srv/hf", late=False),
    "tmpfs": Case([Mount("/run/hf", "tmpfs", "tmpfs", "rw")], "/run/hf", late=False),
    "root": Case([Mount("/", "host:/root", "nfs", "rw")], "/srv/hf", late=False),
    "a % b": Case([Mount("/srv/a % b", "host:/hf", "nfs", "rw")], "/srv/a % b/hf", late=True),
}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "unknown"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_ordering_cycle(store: NixEnv, tmp_path: Path, case: Case, *, declared: bool) -> None:
    """Network file systems are there after the network, which starts after sysinit.target."""
    declarations = "".join(mount.declaration() for mount in case.mounts if declared)
    settings = f"""
      integration.huggingface.cacheDir = {literal(case.cache)};
      tokenFile = {literal(f"{case.cache}/token")};
    """
    built = system(store, *configuration(settings, f"{{ {declarations} }}"))
    early = built / "systemd/system/sysinit.target.wants/ai-models.service"
    late = case.late and declared
    assert os.path.lexists(early) != late
    # Before the network, the directory is below the mount point.
    assert ("/hub" in (built / "tmpfiles.d/00-nixos.conf").read_text()) != late
    assert verify(built, tmp_path, case.mounts) == ""


def verify(built: Path, directory: Path, mounts: list[Mount]) -> str:
    """Return what systemd finds wrong about the order at boot, with these mounts in fstab."""
    units, generated, fstab = (directory / name for name in ("units", "generated", "fstab"))
    (units / "network-online.target.wants").mkdir(parents=True)
    (units / "online.service").write_text(NETWORK)
    (units / "network-online.target.wants/online.service").symlink_to("../online.service")
    generated.mkdir()
    fstab.write_text("".join(mount.line() for mount in mounts))
    subprocess.run(
        [FSTAB_GENERATOR, *[generated] * 3],
        check=True,
        env={**os.environ, "SYSTEMD_FSTAB": str(fstab)},
    )
    path = ":".join(map(str, (built / "systemd/system", units, generated, UNITS)))
    said = analyze("verify", "multi-user.target", SYSTEMD_UNIT_PATH=path)
    lines = said.splitlines(keepends=True)
    return "".join(line for line in lines if "cycle" in line or "ai-models" in line)


def test_the_check_finds_cycles(store: NixEnv, tmp_path: Path) -> None:
    early = '{ systemd.services.ai-models.unitConfig.RequiresMountsFor = [ "/srv/hf" ]; }'
    built = system(store, *configuration("", early))
    assert "ordering cycle" in verify(built, tmp_path, [NFS])
