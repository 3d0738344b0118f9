"""Programs started by the fork server: what subprocess.Popen is for others."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERVER = Path(__file__).with_name("fork_server.py")


class ForkServer:
    """A server for one interpreter.

    Args:
        python: The interpreter.
        modules: What to import beforehand.
        env: The environment to import it in.
    """

    def __init__(self, python: str, modules: Sequence[str], env: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self.address = f"{self._folder.name}/socket"
        self._process = subprocess.Popen(
            [python, _SERVER, self.address, *modules], stdout=subprocess.PIPE, env=dict(env)
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def start(self, argv: Sequence[str | Path], env: Mapping[str, str], stderr: Path) -> Fork:
        return Fork(self.address, list(map(str, argv)), dict(env), stderr)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


class Fork:
    """A run; as much of subprocess.Popen as the tests of the fetcher need."""

    def __init__(self, address: str, argv: list[str], env: dict[str, str], stderr: Path) -> None:
        self.returncode: int | None = None
        self._stdout = stderr.with_name(f"{stderr.name}.stdout")
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address)
        run = {"argv": argv, "env": env, "stdout": str(self._stdout), "stderr": str(stderr)}
        self._connection.sendall(json.dumps(run).encode() + b"\n")
        self._said = b""
        self.pid = self._line(None) or 0

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._line(0.0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[bytes, None]:
        if self.returncode is None:
            self.returncode = self._line(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("fork", timeout or 0.0)
        self._connection.close()
        return self._stdout.read_bytes() if self._stdout.exists() else b"", None

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _line(self, seconds: float | None) -> int | None:
        """Return the next number that the server sends, None if that takes longer."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._said:
            left = None if deadline is None else max(deadline - time.monotonic(), 1e-4)
            self._connection.settimeout(left)
            try:
                more = self._connection.recv(64)
            except TimeoutError:
                return None
            assert more, "the fork server has ended"
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return int(line)
