"""The third-party Hub server `olah`, offline, in front of a directory of git repositories.

As a program (`python -m support.olah DIR`) it makes the MiniLM repository in DIR, serves it until
it is interrupted, and says on which address; that is the demo's Hub.
"""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

from support import minilm
from support.program import Program

_ACCESS = re.compile(r'"((?:GET|HEAD|POST) \S+) HTTP/1\.1" (\d+)')


class Olah(Program):
    """A running server; `requests` reads its access log."""

    def __init__(self, mirrors: Path, work: Path) -> None:
        config = work / "olah.toml"
        config.write_text(
            f"[basic]\nhost = '127.0.0.1'\nport = 0\nmirrors-path = ['{mirrors}']\n"
            f"repos-path = '{work / 'cache'}'\n[accessibility]\noffline = true\n"
        )
        code = "from olah.server import cli; cli()"
        super().__init__(
            [sys.executable, "-c", code, "--config", config, "--port", "0"],
            r"Uvicorn running on (http://[0-9.:]+)",
            work,
        )

    @property
    def requests(self) -> list[str]:
        """The requests so far, as `GET /path`."""
        return [match[1] for match in _ACCESS.finditer(self.said)]


def main(work: Path) -> None:
    # So that the server ends when we are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    minilm.make_repository(work / "mirrors")
    with Olah(work / "mirrors", work) as hub:
        print(hub.url, flush=True)  # noqa: T201 (what the caller waits for)
        hub.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
