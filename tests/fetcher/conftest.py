"""The fetcher is tested as what it is: a program with a spec."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass
class Run:
    """What a run did: its status, what it said, and where its output is."""

    status: int
    log: str
    out: Path

    @property
    def snapshot(self) -> Path:
        (snapshot,) = (self.out / "snapshots").iterdir()
        return snapshot


class Fetch(Protocol):
    def __call__(
        self,
        mode: str,
        source: Mapping[str, Any],
        /,
        *,
        env: Mapping[str, str] = ...,
        launcher: Sequence[str | Path] = ...,
        **spec: Any,
    ) -> Run: ...


@dataclass
class _Fetch:
    python: str
    folder: Path
    count: int = field(default=0)

    def __call__(
        self,
        mode: str,
        source: Mapping[str, Any],
        /,
        *,
        env: Mapping[str, str] | None = None,
        launcher: Sequence[str | Path] = (),
        **spec: Any,
    ) -> Run:
        self.count += 1
        spec_file = self.folder / f"spec-{self.count}.json"
        spec_file.write_text(json.dumps({"mode": mode, "source": source, **spec}))
        out = self.folder / f"out-{self.count}"
        command = [*launcher, self.python, "-B", CHECKOUT / "nix/fetcher", spec_file]
        # As in a sandbox: nothing of the machine's settings, the output in $out.
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env={"out": str(out), "PATH": "/usr/bin:/bin", **(env or {})},
        )
        assert done.stdout == ""
        return Run(done.returncode, done.stderr, out)


# Ours, with the newest requests, and the system's, which sandboxed builds use, with an older one.
@pytest.fixture(params=[sys.executable, "/usr/bin/python3"], ids=["new-requests", "old-requests"])
def fetch(request: pytest.FixtureRequest, tmp_path: Path) -> Fetch:
    """Run the fetcher."""
    return _Fetch(request.param, tmp_path)
