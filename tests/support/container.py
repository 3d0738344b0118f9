"""Containers of systemd-nspawn: a debootstrapped Debian with huggingface_hub, and some mounts."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SITE = "/opt/site-packages"
_LINKS = ("bin", "lib", "lib64", "sbin")


@dataclass(frozen=True)
class Container:
    """A root file system that shares only the debootstrapped /usr."""

    root: Path
    usr: Path

    @classmethod
    def make(cls, root: Path, debian: Path) -> Container:
        """Create one in an empty directory; the test is skipped if containers cannot run."""
        shutil.copytree(debian / "etc", root / "etc", symlinks=True)
        for name in _LINKS:
            (root / name).symlink_to(f"usr/{name}")
        (root / "usr").mkdir()
        root.chmod(0o755)
        container = cls(root, debian / "usr")
        if shutil.which("systemd-nspawn") is None:
            pytest.skip("no systemd-nspawn on this machine; install Debian's systemd-container")
        done = container.run(["true"], user="root")
        if done.returncode != 0:
            pytest.skip(f"systemd-nspawn does not run here: {done.stderr.strip()}")
        return container

    def run(
        self,
        command: Sequence[str],
        *,
        user: str = "nobody",
        mounts: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command without network; host directories (target -> source) are read-only."""
        binds = {"/usr": str(self.usr), _SITE: sysconfig.get_path("purelib"), **(mounts or {})}
        return subprocess.run(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe"),
                *(f"--machine={secrets.token_hex(8)}", f"--directory={self.root}"),
                *("--private-network", f"--user={user}"),
                *(f"--bind-ro={what}:{where}" for where, what in binds.items()),
                *(f"--setenv={key}={value}" for key, value in (env or {}).items()),
                *("--setenv=PYTHONDONTWRITEBYTECODE=1", f"--setenv=PYTHONPATH={_SITE}", "--"),
                *command,
            ],
            check=False,
            capture_output=True,
            text=True,
            # Stores of tests are below /tmp, which must be that of the root.
            env={**os.environ, "SYSTEMD_NSPAWN_TMPFS_TMP": "0"},
        )
