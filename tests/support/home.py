"""A user's home directory, in which generations of Home Manager become active.

As on a multi-user machine, root owns the store, and a daemon serves it. If the tests do not run as
root, the user is the one who runs them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support import unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.nix import NixEnv

_PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Home:
    """The home of a user.

    Args:
        path: The directory, which is named after the user.
        number: The user's id.
        nix: The Nix whose store contains the generations.
    """

    path: Path
    number: int
    nix: NixEnv

    @classmethod
    def new(cls, path: Path, number: int, nix: NixEnv) -> Home:
        """Create an empty home, for a user who has not used Nix before."""
        home = cls(path, number if os.geteuid() == 0 else os.geteuid(), nix)
        for directory in (path, nix.dir / "var/profiles/per-user" / path.name):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            home.give(directory)
        return home

    def own(self, path: str) -> Path:
        """Return the path of a file in it."""
        return self.path / path

    def give(self, directory: Path) -> None:
        """Make the user the owner of a directory and its content."""
        for path in (directory, *directory.rglob("*")):
            os.chown(path, self.number, self.number, follow_symlinks=False)

    def activate(self, generation: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Activate a built generation, as `home-manager switch` does."""
        done = self.run(generation / "activate", reads_all=False, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def run(
        self, *command: str | Path, reads_all: bool = False, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the user, who has logged in."""
        client = {**self.nix.variables(), "NIX_REMOTE": "daemon"}
        del client["XDG_CACHE_HOME"]  # huggingface_hub must use its default
        return subprocess.run(
            [*unprivileged.prefix(self.number, reads_all=reads_all), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env={
                **client,
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.path),
                "USER": self.path.name,
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
