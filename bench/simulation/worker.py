"""A peer's downloads: a program that is told URLs and files, and tells when they are there."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path

_WAIT = 60  # seconds


class _Downloads:
    def __init__(self) -> None:
        self._mine = threading.local()

    def run(self, number: str, host: str, path: str, file: str) -> None:
        """Download a file, and print the number of the download with the status."""
        try:
            status = self._get(host, path, Path(file))
        except (OSError, HTTPException) as error:
            status = type(error).__name__
        sys.stdout.write(f"{number} {status}\n")
        sys.stdout.flush()

    def _get(self, host: str, path: str, file: Path) -> str:
        connections: dict[str, HTTPConnection] = self._mine.__dict__
        if host not in connections:
            connections[host] = HTTPConnection(host, timeout=_WAIT)
        connections[host].request("GET", path)
        response = connections[host].getresponse()
        content = response.read()
        file.write_bytes(content)
        return str(response.status)


def main() -> None:
    """Start a download for each line, so many at a time."""
    downloads = _Downloads()
    with ThreadPoolExecutor(int(sys.argv[1])) as pool:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for line in sys.stdin:
            number, host, path, file = line.split()
            pool.submit(downloads.run, number, host, path, file)


if __name__ == "__main__":
    main()
