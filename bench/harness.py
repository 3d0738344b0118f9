"""The harness: temporary directories, meters, a Hub in its own process, and common commands."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.hub import BigFile, Hub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

    from simulation.site import Site
    from support.fake_repo import Content
    from support.hub import Request

# Beside the Python that runs us: the virtual environment's programs.
BIN = Path(sys.executable).parent
WEIGHTS = "*.safetensors"
# The ratio of bytes at which each was written once; directories and databases add a little.
ONCE = 1.05
# A script that downloads repositories, with `hf` as $0, into the cache $1.
LOOP = 'cache=$1; shift; for repo; do "$0" download --quiet --cache-dir "$cache" "$repo"; done'
_SHARDS = 8
_SNAPSHOT = """
import sys, huggingface_hub
print(huggingface_hub.snapshot_download(sys.argv[1], cache_dir=sys.argv[2]))
"""


@dataclass(frozen=True)
class Settings:
    """What to measure.

    Args:
        size: The size of a model in bytes.
        runs: How often to measure.
        docs: The directory of docs to rewrite, or None.
        against: Another checkout to compare with, or None.
        site: What fleet simulates in place of its own sites, or None.
    """

    size: int
    runs: int
    docs: Path | None = None
    against: Path | None = None
    site: Site | None = None


def model(size: int) -> dict[str, Content]:
    """Return the files of a model: weights of this many bytes, and small files."""
    weights: dict[str, Content] = {
        f"model-{n:05}-of-{_SHARDS:05}.safetensors": BigFile(size // _SHARDS, n)
        for n in range(1, _SHARDS + 1)
    }
    return {
        **weights,
        "config.json": b"{}\n" * 200,
        "generation_config.json": b"{}\n" * 50,
        "model.safetensors.index.json": b"{}\n" * 10_000,
        "tokenizer.json": b"[]\n" * 70_000,
    }


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary directory, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="aimodels-bench-") as directory:
        yield Path(directory)


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return its stdout; exit with its stderr if it fails."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def snapshot(repo: str, cache: Path) -> tuple[str | Path, ...]:
    """Return the command by which huggingface_hub downloads a repository."""
    return (sys.executable, "-c", _SNAPSHOT, repo, cache)


class Meter:
    """Measures what its `with` blocks do by way of processes that end there; each block is a run.

    The kernel counts a byte as written when a process makes a page of a file dirty, so a copy is
    counted, a rename is not, and neither is what other people write. When a process is waited for,
    its count is added to its parent's, up to us.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.written: list[int] = []
        self._before = 0
        self._start = 0.0

    def __enter__(self) -> None:
        os.sync()  # an earlier run's pages are not to be flushed at the expense of this one
        self._before = _written()
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._start)
        self.written.append(_written() - self._before)


def _written() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


class HubProcess:
    """The tests' Hub, in a process of its own: its CPU time is not in ours.

    In a `with` block, programs that we start use it as huggingface.co.
    """

    def __init__(self, repos: Mapping[str, Mapping[str, Content]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(repos, theirs), daemon=True)
        self._process.start()
        theirs.close()
        # It answers when the checksums of all files have been computed.
        self._url: str = self._pipe.recv()

    def take_log(self) -> list[Request]:
        """Return the requests since the last call."""
        self._pipe.send("log")
        log: list[Request] = self._pipe.recv()
        return log

    def __enter__(self) -> HubProcess:  # noqa: PYI034 (Self is new in Python 3.11)
        os.environ["HF_ENDPOINT"] = self._url
        return self

    def __exit__(self, *_: object) -> None:
        del os.environ["HF_ENDPOINT"]
        self._pipe.close()
        self._process.join()


def _serve(repos: Mapping[str, Mapping[str, Content]], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent ends us, by closing the pipe
    with Hub() as hub, contextlib.suppress(EOFError, BrokenPipeError):
        for repo, files in repos.items():
            hub.add_repo(repo, files, lfs=[WEIGHTS])
        pipe.send(hub.url)
        while pipe.recv():
            pipe.send(hub.log)
            hub.clear()
