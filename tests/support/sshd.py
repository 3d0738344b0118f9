"""OpenSSH's server of Debian forky on loopback, with a Nix and a store of its own behind it.

The name of the machine is `builder` for every Nix that gets `ssh_options` into its environment:
`ssh://builder`, `ssh-ng://builder`. Keys and settings are made for the test; no others are read.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.nginx import listening
from support.nix import IN_ROOT, UnavailableError, forky_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.nix import NixEnv

HOST = "builder"

_SERVER = """
HostKey {directory}/host
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
# Test directories lie in /tmp, which everybody may write to.
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
ForceCommand {directory}/session
LogLevel VERBOSE
"""

# Neither the settings of the user nor keys of an agent have a say.
_CLIENT = """
Host {host}
  HostName 127.0.0.1
  Port {port}
  User root
  IdentityFile {directory}/user
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
"""

# What every command of a client runs in, whatever shell and settings the user has.
_SESSION = """#!/bin/bash
export {variables}
exec {enter}bash -c "$SSH_ORIGINAL_COMMAND"
"""

# Back to the root of the machine, for its own Nix.
_ENTER = """nsenter --mount --target {pid} unshare --mount \\
  bash -c 'mount --bind {nix.real} {nix.dir} && exec "$@"' - \\
  """


class Sshd:
    """The server.

    Args:
        nix: The Nix behind it. Its store is seen where the clients see theirs.
        directory: For keys, settings and the log.
        env: What sessions have in their environment.
    """

    def __init__(self, nix: NixEnv, directory: Path, env: Mapping[str, str] | None = None) -> None:
        root = _root()
        for key in ("host", "user"):
            _generate_key(directory / key)
        (directory / "authorized_keys").write_bytes((directory / "user.pub").read_bytes())
        (directory / "sshd_config").write_text(_SERVER.format(directory=directory))
        session = {"HOME": "/root", "PATH": os.environ["PATH"], **nix.variables(), **(env or {})}
        self._write_session(nix, directory / "session", session)
        binds = (CHECKOUT, tempfile.gettempdir(), directory, f"{nix.dir}={nix.real}")
        self._log = directory / "sshd.log"
        with listening() as (sock, port), self._log.open("wb") as log:
            # What systemd does for a socket unit.
            start = 'LISTEN_PID=$$ exec /usr/sbin/sshd -D -e -f "$1" 3<&"$2"'
            server = ("bash", "-c", start, "sshd", directory / "sshd_config", str(sock.fileno()))
            self._process = subprocess.Popen(
                [IN_ROOT, root, *dict.fromkeys(map(str, binds)), "--", *server],
                env={**os.environ, "LISTEN_FDS": "1"},
                pass_fds=[sock.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        host = (directory / "host.pub").read_text()
        (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
        config = directory / "ssh_config"
        config.write_text(_CLIENT.format(host=HOST, port=port, directory=directory))
        self.ssh_options = {"NIX_SSHOPTS": f"-F {config}"}

    @staticmethod
    def _write_session(nix: NixEnv, file: Path, env: Mapping[str, str]) -> None:
        enter = _ENTER.format(pid=os.getpid(), nix=nix) if nix.root is None else ""
        variables = shlex.join(f"{key}={value}" for key, value in env.items())
        file.write_text(_SESSION.format(variables=variables, enter=enter))
        file.chmod(0o755)

    @property
    def said(self) -> str:
        """The log: who has connected, and what was refused."""
        return self._log.read_text()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Sshd:  # noqa: PYI034 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def running_daemon(nix: NixEnv, env: Mapping[str, str]) -> Iterator[None]:
    """Run the daemon of a Nix, to which sessions with `NIX_REMOTE=daemon` leave everything."""
    assert nix.root is not None or nix.dir == nix.real, "the machine's own sees no other place"
    daemon = nix.start("nix-daemon", env=env)
    try:
        while not (nix.real / "var/daemon-socket/socket").exists():
            assert daemon.poll() is None
            time.sleep(0.05)
        yield
    finally:
        daemon.terminate()
        daemon.communicate()


def _root() -> Path:
    """The root that has the server; the test is skipped on a machine that does not have it."""
    try:
        root = forky_root()
    except UnavailableError as error:
        pytest.skip(str(error))
    if not (root / "usr/sbin/sshd").is_file():
        pytest.skip(
            "the forky root was made from a mirror without OpenSSH: remove "
            f"{root} and run script/forky-root"
        )
    return root


def _generate_key(file: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
