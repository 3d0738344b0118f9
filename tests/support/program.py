"""A server that is a program: started, awaited, and ended."""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

P = TypeVar("P", bound="Program")

_START_SECONDS = 60


class Program:
    """A running server; it picks a free port itself, and says so.

    Args:
        command: What to start.
        ready: What it says then, with its address as the first group.
        directory: Where it runs, with what it says in `NAME.log`.
        env: What it has in its environment beside ours.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        ready: str,
        directory: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._name = type(self).__name__.lower()
        self._log = directory / f"{self._name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = self._wait_until(re.compile(ready))

    def _wait_until(self, ready: re.Pattern[str]) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if match := ready.search(self.said):
                return match[1]
            time.sleep(0.05)
        self.close()
        raise RuntimeError(f"{self._name} did not start:\n{self.said}")

    @property
    def said(self) -> str:
        return self._log.read_text()

    def clear(self) -> None:
        os.truncate(self._log, 0)

    def wait(self) -> None:
        self._process.wait()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def __enter__(self: P) -> P:  # noqa: PYI019 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
