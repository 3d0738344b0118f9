"""The bundled fetcher, run as what it is: a program with a spec."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.environment import CACHE, CHECKOUT
from support.patience import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from support.forks import Fork, ForkServer

# Ours, with the newest requests, and the system's, which sandboxed builds use, with an older one.
PYTHONS = {"new-requests": sys.executable, "old-requests": "/usr/bin/python3"}

_PROGRAM = CHECKOUT / "nix/fetcher"
_PATCHED_FETCHER = Path(__file__).with_name("patched_fetcher.py")
# As in a sandbox: nothing of the machine's settings. Python leaves nothing in the checkout, and is
# started so often that compiling the program each time takes a third of the time.
ENV = {"PATH": "/usr/bin:/bin", "PYTHONPYCACHEPREFIX": str(CACHE / "pycache")}
_LONGEST_RUN = 60  # seconds; no test takes a quarter of that


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


@dataclass
class Running:
    """A run that has not ended."""

    process: subprocess.Popen[bytes] | Fork
    said: Path
    out: Path

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that the run brings about."""
        deadline = time.monotonic() + _LONGEST_RUN
        while not condition():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.01)

    def says(self, text: str) -> bool:
        return text in self.said.read_text()

    def wait(self, seconds: float = _LONGEST_RUN) -> Run:
        try:
            printed, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running, and said:\n{self.said.read_text()}") from None
        assert printed == b""
        assert self.process.returncode is not None
        return Run(self.process.returncode, self.said.read_text(), self.out)


@dataclass
class Fetch:
    """Runs the fetcher: called with a mode, a source and the rest of a spec.

    Args:
        python: The interpreter.
        folder: Where specs, logs and outputs are put.
        constants: Module constants to change: `retry._FIRST_WAIT` -> seconds.
        env: What every run has in its environment.
        server: Starts the runs, which saves most of their time: importing libraries.
    """

    python: str
    folder: Path
    constants: Mapping[str, float] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)
    server: ForkServer | None = None

    def but(self, **constants: float) -> Fetch:
        """The same with other constants; `retry__FIRST_WAIT` is `retry._FIRST_WAIT`."""
        changes = {name.replace("__", "._", 1): value for name, value in constants.items()}
        return replace(self, constants={**self.constants, **changes})

    @property
    def quick(self) -> Fetch:
        """The same with short waits between tries."""
        return self.but(**{f"retry_{name}": value for name, value in QUICK.items()})

    def __call__(self, mode: str, source: Mapping[str, Any], /, **options: Any) -> Run:
        """Run it to its end; the options are those of `start`."""
        return self.start(mode, source, **options).wait()

    def start(
        self,
        mode: str,
        source: Mapping[str, Any],
        /,
        *,
        env: Mapping[str, str] | None = None,
        launcher: Sequence[str | Path] = (),
        out: Path | None = None,
        **spec: Any,
    ) -> Running:
        number = len(self.started) + 1
        spec_file = self.folder / f"spec-{number}.json"
        sources = [{kind: value} for kind, value in source.items()]
        spec_file.write_text(json.dumps({"mode": mode, "sources": sources, **spec}))
        out = out or self.folder / f"out-{number}"
        said = self.folder / f"log-{number}"
        program = (
            [_PATCHED_FETCHER, json.dumps(dict(self.constants))] if self.constants else [_PROGRAM]
        )
        environment = {"out": str(out), **ENV, **self.env, **(env or {})}
        process: subprocess.Popen[bytes] | Fork
        if self.server and not launcher:
            process = self.server.start([*program, spec_file], environment, said)
        else:
            with said.open("wb") as log:
                process = subprocess.Popen(
                    [*launcher, self.python, *program, spec_file],
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                )
        self.started.append(Running(process, said, out))
        return self.started[-1]

    def close(self) -> None:
        """End what a failed test has left running, and drop outputs before a disk writes them."""
        for running in self.started:
            if running.process.poll() is None:
                running.process.kill()
                running.process.communicate()
            if running.out.is_dir():
                shutil.rmtree(running.out)
            running.out.unlink(missing_ok=True)
