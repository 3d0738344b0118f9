"""The real docker-registry, skopeo and umoci of Debian forky, and images that they take."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.nix import UnavailableError, forky_root
from support.program import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

_IN_ROOT = Path(__file__).with_name("in-root")
_PROGRAMS = ("docker-registry", "skopeo", "umoci")
_READY = r"listening on (127\.\S+?)\""
_CONFIG = """
version: 0.1
log: {{level: info}}
storage:
  filesystem: {{rootdirectory: {directory}/registry}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:0", secret: of-tests}}
{more}
"""
# What runs a program in the root, with the working directory and the environment of the caller.
_SHIM = """\
#!/bin/sh
exec {command} -- /usr/bin/{program} "$@"
"""


class OciRegistry(Program):
    """A running docker-registry; `url` is its host and port."""

    def __init__(self, tools: Oci, directory: Path, more: str = "") -> None:
        config = directory / "registry.yml"
        config.write_text(_CONFIG.format(directory=directory, more=more))
        self.directory = directory / "registry"
        command = [*tools.entry, "--", "docker-registry", "serve", str(config)]
        super().__init__(command, _READY, directory)

    def blobs(self) -> dict[str, int]:
        """Digest -> bytes of what it stores."""
        found = self.directory.glob("docker/registry/v2/blobs/sha256/*/*/data")
        return {f"sha256:{path.parent.name}": path.stat().st_size for path in found}


class Oci:
    """The programs, as commands in a directory for PATH.

    Args:
        directory: An empty one.
    """

    def __init__(self, directory: Path) -> None:
        try:
            root = forky_root()
        except UnavailableError as error:
            pytest.skip(str(error))
        if missing := [name for name in _PROGRAMS if not (root / "usr/bin" / name).is_file()]:
            pytest.skip(
                f"the forky root was made from a mirror without {missing[0]}: remove {root} and "
                "run script/forky-root"
            )
        self.bin = directory
        # What they remember of layers and passwords, and the images of podman.
        self.places = []
        for place in ("/run/containers", "/var/lib/containers"):
            own = directory / place.replace("/", "-")
            own.mkdir()
            self.places.append(f"{place}={own}")
        shown = [str(CHECKOUT), tempfile.gettempdir(), *self.places]
        self.entry = [str(_IN_ROOT), str(root), *shown]
        for name in ("skopeo", "umoci", "podman"):
            shim = directory / name
            shim.write_text(_SHIM.format(command=shlex.join(self.entry), program=name))
            shim.chmod(0o755)

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that finds them."""
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            env=self.environment(env),
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def inside(self, *command: str | Path) -> list[str]:
        """Return the command line of a command in the root, with PATH as it is there."""
        return [*self.entry, "--", "env", "PATH=/usr/sbin:/usr/bin", *map(str, command)]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", **(more or {})}
