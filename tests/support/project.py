"""A project directory with a manifest, and the command line run on it in this process."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aimodels_gen import cli
from aimodels_gen.lock import file as lock_file

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    import pytest

    from aimodels_gen.lock.model import LockedModel


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@dataclass
class Project:
    dir: Path
    capture: pytest.CaptureFixture[bytes] = field(repr=False)

    def write(self, manifest: str) -> None:
        (self.dir / "models.toml").write_text(manifest, encoding="utf-8")

    def run(self, *args: str) -> Result:
        """Run `aimodels-gen ARGS…` in the directory."""
        self.capture.readouterr()
        status = cli.run(args)
        out, err = self.capture.readouterr()
        return Result(status, out.decode(), err.decode())

    def ok(self, *args: str) -> str:
        """Run it, expecting success; return what it prints."""
        result = self.run(*args)
        assert result.status == 0, result.err
        return result.out

    def fails(self, *args: str) -> str:
        """Run it, expecting a failure; return stderr, which is free of tracebacks."""
        result = self.run(*args)
        assert (result.status, result.out) == (1, "")
        assert re.match("(warning: .*\n)*error: ", result.err)
        assert "Traceback" not in result.err
        return result.err

    def follow(self, said: str, name: str = "m") -> None:
        """Run the commands of ours in a message, for a model: they have to succeed."""
        commands = re.findall("`aimodels-gen ([^`]*)`", said)
        assert commands, said
        for command in commands:
            self.ok(*shlex.split(command.replace("NAME", name)))

    def spawn(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it in a process of its own, where the libraries read the environment anew."""
        return subprocess.run(
            [sys.executable, "-m", "aimodels_gen", *args],
            env={**self.environment(), **environment},
            cwd=self.dir,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_into(self, stdout: int | IO[bytes], *args: str) -> subprocess.CompletedProcess[str]:
        """Run it in a process of its own that writes to this file or descriptor."""
        return subprocess.run(
            [sys.executable, "-m", "aimodels_gen", *args],
            env=self.environment(),
            cwd=self.dir,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Return what a process needs to be the same program."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def locked(self, name: str = "m") -> LockedModel:
        """Return a model of the lock."""
        lock = lock_file.read(self.lock_file)
        assert lock is not None
        return lock.models[name]

    def files(self, name: str = "m") -> Any:
        """Return the files of a model of the lock, bundled or not."""
        model = self.lock[name]
        return {**model.get("files", {}), **model.get("bundle", {}).get("files", {})}

    @property
    def lock_file(self) -> Path:
        return self.dir / "models.lock"

    @property
    def lock(self) -> Any:
        return json.loads(self.lock_file.read_text(encoding="utf-8"))["models"]
