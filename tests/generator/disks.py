"""A disk that `export` has written, and the machine whose store its script fills."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.stores import MANIFEST, PATH

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv
    from support.project import Project

TREE = MANIFEST + '[models.tree]\nsource.huggingface = { repo = "org/name" }\npin = "tree"\n'


@dataclass
class Disk:
    """A disk with models, and the machine that they are for."""

    directory: Path
    nix: NixEnv

    def fill(self, project: Project, *arguments: str) -> Any:
        """Export to it, expecting success; return the report."""
        return json.loads(project.ok("export", "--to", str(self.directory), "--json", *arguments))

    def run(
        self, *arguments: str, interpreter: str = "sh", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [*interpreter.split(), self.directory / "import.sh", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": str(self.directory.parent), **variables},
        )

    def ok(self, *arguments: str, interpreter: str = "sh") -> str:
        """Run it, expecting success; return what it says."""
        done = self.run(*arguments, interpreter=interpreter)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def fails(self, *arguments: str, status: int = 1, **variables: str) -> str:
        """Run it, expecting a failure; return what it says."""
        done = self.run(*arguments, interpreter="sh", **variables)
        assert done.returncode == status, done.stderr
        assert done.stderr.startswith("error: ") or "\nerror: " in done.stderr
        return done.stderr

    def paths(self) -> list[str]:
        """Return the store paths that it has."""
        lines = (self.directory / "paths.txt").read_text().splitlines()
        names = (line.split(" ", 3)[2:] for line in lines)
        decoded = ((h, n.replace("%3F", "?").replace("%2E", ".")) for h, n in names)
        return [f"{self.nix.store}/{digest}-{name}" for digest, name in decoded]

    def file(self, name: str) -> Path:
        """Return a file of a model."""
        (found,) = self.directory.glob(f"files/*/{name}")
        return found

    def missing(self) -> list[str]:
        """Return which of the store paths the store lacks."""
        command = ("nix-store", "--check-validity", "--print-invalid", *self.paths())
        return self.nix.run(*command, env={"PATH": PATH}).stdout.split()

    def check_sums(self) -> None:
        """Compare all files with SHA256SUMS, which has to name each."""
        command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
        done = subprocess.run(
            command, check=False, cwd=self.directory, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
        listed = {line.rpartition(": ")[0] for line in done.stdout.splitlines()}
        files = {
            str(path.relative_to(self.directory))
            for path in self.directory.rglob("*")
            if path.is_file()
        }
        assert listed == files - {"SHA256SUMS"}
