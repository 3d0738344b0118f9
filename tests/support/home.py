"""A user's home folder, in which generations of Home Manager become active.

As on a machine of several users, the store belongs to root, and a daemon serves it. Where the tests
do not run as root, the user is the one who runs them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support import unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv

_PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Home:
    """The home of a user.

    Args:
        path: The folder, which has the name of the user.
        user: The user's number.
        nix: Whose store the generations are in.
    """

    path: Path
    user: int
    nix: NixEnv

    def empty(self) -> None:
        """Make it as it is when the user is new."""
        for folder in (self.path, self.nix.dir / "var/profiles/per-user" / self.name):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            os.chown(folder, self.user, -1)

    @property
    def name(self) -> str:
        return self.path.name

    def own(self, path: str) -> Path:
        """Where one of its paths lies."""
        return self.path / path

    def activate(
        self, generation: Path, *, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Do what `home-manager switch` does with a generation once it is built."""
        done = self.run(generation / "activate", **variables)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the user, who has logged in."""
        return subprocess.run(
            [*unprivileged.prefix(self.user, reads_all=False), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env={
                **self.nix.variables(),
                "NIX_REMOTE": "daemon",
                "XDG_CACHE_HOME": str(self.path / ".cache"),
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.path),
                "USER": self.name,
                **variables,
            },
        )


@contextlib.contextmanager
def daemon(nix: NixEnv) -> Iterator[None]:
    """Serve the store of a Nix to all users."""
    process = subprocess.Popen(
        ["nix-daemon"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **nix.variables()},
    )
    try:
        _wait(nix.dir / "var/daemon-socket/socket")
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(path: Path) -> None:
    for _ in range(_PATIENCE * 100):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            return
        time.sleep(0.01)
    raise TimeoutError(f"nobody listens at {path}")
