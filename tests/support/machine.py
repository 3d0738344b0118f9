"""A machine that the real systemd boots in systemd-nspawn, with the programs of the host.

Its /etc is its own, and has what a system of tests/modules/nixos.nix brings, as on NixOS.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.nix import NixEnv

_NSPAWN = "systemd-nspawn"
_OPTIONS = (
    *("--boot", "--quiet", "--register=no", "--console=pipe"),
    *("--link-journal=no", "--resolv-conf=off", "--timezone=off"),
)
_SHUT_DOWN = signal.SIGRTMIN + 4  # systemd's signal for it
_PATIENCE = 60  # seconds; a boot takes one
_ROOTS = ("bin", "lib", "lib64", "sbin")
_DIRECTORIES = ("home/alice", "etc/pam.d", "etc/systemd", "root", "tmp", "usr", "var")
_PAM = (
    "auth required pam_permit.so\naccount required pam_permit.so\nsession optional pam_systemd.so\n"
)
_FILES = {
    "pam.d/other": _PAM,
    "pam.d/su": _PAM,
    "pam.d/systemd-user": _PAM,
    "passwd": (
        "root:x:0:0::/root:/bin/bash\n"
        "hf:x:500:500::/:/usr/sbin/nologin\n"
        "alice:x:1000:1000::/home/alice:/bin/bash\n"
        "nobody:x:65534:65534::/:/usr/sbin/nologin\n"
    ),
    "group": "root:x:0:\nhf:x:500:\nalice:x:1000:\nnogroup:x:65534:\n",
    "shadow": "root:*:1::::::\nhf:*:1::::::\nalice:*:1::::::\nnobody:*:1::::::\n",
    "hosts": "127.0.0.1 localhost\n",
    "machine-id": "",
    # With old cgroups, systemd may not learn that the last process of a unit has ended.
    "systemd/system.conf": "[Manager]\nDefaultTimeoutStopSec=2s\n",
}


@dataclass
class Machine:
    """A machine that can be booted repeatedly.

    Args:
        root: The path of its root directory on the host.
        binds: Directories of the host that are mounted in it.
        system: The system whose units are in its /etc.
        leader: The process id of its process 1 on the host.
    """

    root: Path
    binds: Sequence[str]
    system: Path
    leader: int = 0

    @contextlib.contextmanager
    def booted(self) -> Iterator[Machine]:
        """Boot it, and shut it down at the end."""
        with _cgroup() as start:
            process = subprocess.Popen(
                [
                    *start,
                    *_OPTIONS,
                    f"--machine={secrets.token_hex(8)}",
                    f"--directory={self.root}",
                    *(f"--bind={path}" for path in self.binds),
                    *("--bind-ro=/usr", "--", "systemd.unit=multi-user.target"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                # The tests read the machine's /tmp.
                env={**os.environ, "SYSTEMD_NSPAWN_TMPFS_TMP": "0"},
            )
            try:
                self.leader = _leader(process)
                self.run("systemctl", "is-system-running", "--wait", check=False)
                yield self
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.leader or process.pid, _SHUT_DOWN)
                try:
                    process.communicate(timeout=_PATIENCE)
                except subprocess.TimeoutExpired:
                    os.kill(self.leader, signal.SIGKILL)
                    process.communicate()
                    raise

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        done = subprocess.run(
            [*("nsenter", "--all", f"--target={self.leader}", "--"), *command],
            check=False,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/usr/sbin", "HOME": "/root"},
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done

    def login(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command in a login shell of alice."""
        return self.run("su", "--login", "alice", "--command", command, check=check)

    def state(self, unit: str) -> str:
        return self.run("systemctl", "is-active", unit, check=False).stdout.strip()

    def log(self, unit: str) -> str:
        """Return the log of a unit, whose `SyslogIdentifier` is its name.

        journald may not learn which unit wrote the last lines of a process that has ended.
        """
        self.run("journalctl", "--sync")
        lines = (f"UNIT={unit}.service", "+", f"SYSLOG_IDENTIFIER={unit}")
        return self.run("journalctl", "--output=cat", "--no-pager", *lines).stdout

    def path(self, path: str) -> Path:
        """Return the path on the host of one of its paths."""
        return self.root / path.lstrip("/")

    def switch(self, system: Path) -> None:
        """Switch to another system, in the order of NixOS."""
        old, new = _units(self.system), _units(system)
        changed = {name for name in old.keys() & new.keys() if old[name] != new[name]}
        reloaded = {name for name in changed if "X-ReloadIfChanged=true" in new[name]}
        # Its rules are a trigger on NixOS.
        stopped = {*(old.keys() - new.keys()), *(changed - reloaded), "systemd-tmpfiles-resetup"}
        self.run("systemctl", "stop", *stopped, check=False)
        self.system = system
        self.put_in_place()
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "restart", "sysinit-reactivation.target", check=False)
        if reloaded:
            self.run("systemctl", "reload", *reloaded, check=False)
        self.run("systemctl", "start", "multi-user.target", check=False)

    def put_in_place(self) -> None:
        """Link the system into /etc."""
        for name in ("systemd/system", "tmpfiles.d"):
            link = self.root / "etc" / name
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.system / name)


def install(root: Path, system: Path, nix: NixEnv) -> Machine:
    """Install a machine with a Nix's store; the system has a unit for its daemon.

    The test is skipped, with the reason, where none can run.
    """
    if shutil.which(_NSPAWN) is None or not Path("/usr/lib/systemd/systemd").exists():
        pytest.skip("no systemd-nspawn on this machine; install Debian's systemd-container")
    if os.geteuid() != 0:
        pytest.skip("booting a container takes root")
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True)
    for name in _ROOTS:
        (root / name).symlink_to(f"usr/{name}")
    shutil.copy("/etc/os-release", root / "etc")
    for name, text in _FILES.items():
        (root / "etc" / name).write_text(text)
    (root / "tmp").chmod(0o1777)
    os.chown(root / "home/alice", 1000, 1000)
    for directory in (root, root / "home/alice"):
        directory.chmod(0o755)
    client = {**nix.variables(), "NIX_REMOTE": "daemon"}
    del client["XDG_CACHE_HOME"]  # huggingface_hub must use its default
    (root / "etc/profile").write_text(
        "".join(f"export {shlex.join([f'{key}={value}'])}\n" for key, value in client.items())
    )
    machine = Machine(root, tuple({str(nix.dir), sys.prefix, sys.base_prefix} - {"/usr"}), system)
    machine.put_in_place()
    return machine


@contextlib.contextmanager
def _cgroup() -> Iterator[list[str]]:
    """Return how to start systemd-nspawn with a separate cgroup for each machine."""
    if Path("/run/systemd/system").is_dir():
        yield [_NSPAWN]  # systemd will make one
        return
    name = secrets.token_hex(8)
    mounts = map(str.split, Path("/proc/mounts").read_text().splitlines())
    own = [
        Path(place, name)
        for _, place, kind, options, *_ in mounts
        if kind == "cgroup2" or "name=systemd" in options.split(",")
    ]
    try:
        for directory in own:
            directory.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup for a container here: {error}")
    join = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"'
    try:
        yield ["sh", "-c", join, "sh", *map(str, own), "--", _NSPAWN, "--keep-unit"]
    finally:
        for directory in own:
            for path, _, _ in os.walk(directory, topdown=False):
                Path(path).rmdir()


def _units(system: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (system / "systemd/system").glob("*.service")}


def _leader(process: subprocess.Popen[str]) -> int:
    """Wait for systemd as process 1 of the container, and return its process id."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(_PATIENCE * 20):
        if process.poll() is not None:
            said = process.communicate()[0]
            pytest.skip(f"systemd-nspawn does not boot here: {said.strip()}")
        for pid in map(int, children.read_text().split()):
            done = subprocess.run(
                ["nsenter", "--all", f"--target={pid}", "systemctl", "show", "--property=Version"],
                check=False,
                capture_output=True,
            )
            if done.returncode == 0:
                return pid
        time.sleep(0.05)
    raise TimeoutError("systemd does not answer")
