"""The third-party Hub server `olah`, offline, in front of a directory of git repositories.

As a program (`python -m support.olah DIR`) it makes the MiniLM repository in DIR, serves it until
it is interrupted, and says on which address; that is the demo's Hub.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from support import minilm

_START_SECONDS = 60
_READY = re.compile(r"Uvicorn running on (http://[0-9.:]+)")
_ACCESS = re.compile(r'"((?:GET|HEAD|POST) \S+) HTTP/1\.1" (\d+)')


class Olah:
    """A running server; `requests` reads its access log."""

    def __init__(self, mirrors: Path, work: Path) -> None:
        config = work / "olah.toml"
        config.write_text(
            f"[basic]\nhost = '127.0.0.1'\nport = 0\nmirrors-path = ['{mirrors}']\n"
            f"repos-path = '{work / 'cache'}'\n[accessibility]\noffline = true\n"
        )
        self._log = work / "access.log"
        code = "from olah.server import cli; cli()"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, "--config", config, "--port", "0"],
                cwd=work,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = self._wait()

    def _wait(self) -> str:
        """The address, once the server says that it listens (it picks a free port itself)."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if match := _READY.search(self._log.read_text()):
                return match[1]
            time.sleep(0.1)
        self.close()
        raise RuntimeError(f"olah did not start:\n{self._log.read_text()}")

    @property
    def requests(self) -> list[str]:
        """The requests so far, as `GET /path`."""
        return [match[1] for match in _ACCESS.finditer(self._log.read_text())]

    def clear(self) -> None:
        os.truncate(self._log, 0)

    def wait(self) -> None:
        self._process.wait()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def __enter__(self) -> Olah:  # noqa: PYI034 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(work: Path) -> None:
    # So that the server ends when we are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    minilm.make_repository(work / "mirrors")
    with Olah(work / "mirrors", work) as hub:
        print(hub.url, flush=True)  # noqa: T201 (what the caller waits for)
        hub.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
