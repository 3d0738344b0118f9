"""A Hub with one repository of any number of files, whose listing is made page by page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from support.fake_repo import blob_id, lfs_pointer, sha256
from support.loopback import Request, Response, Watched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHA = "0123456789abcdef0123456789abcdef01234567"
_PAGE = 1000
_MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class HugeHub(Watched):
    """The server; every file of `org/huge` is a file under LFS but `config.json`, the last one.

    Args:
        count: Number of files.
    """

    def __init__(self, count: int) -> None:
        super().__init__(self.answer)
        self.count = count

    def answer(self, request: Request) -> Response:
        url = urlsplit(request.path)
        if "/revision/" in url.path:
            return _json({"id": "org/huge", "sha": SHA, "tags": ["license:mit"]})
        if "/resolve/" in url.path:
            return Response(200, {}, _content(url.path))
        start = int(parse_qs(url.query).get("cursor", ["0"])[0])
        stop = min(self.count, start + _PAGE)
        more = f'<{self.url}{url.path}?recursive=True&cursor={stop}>; rel="next"'
        return _json(
            [self._row(number) for number in range(start, stop)],
            {"Link": more} if stop < self.count else {},
        )

    def _row(self, number: int) -> dict[str, Any]:
        if number == self.count - 1:
            return {"type": "file", "path": "config.json", "size": 2, "oid": blob_id(b"{}")}
        path = f"data/{number // _PAGE:04}/train-{number:07}-of-{self.count:07}.parquet"
        content = _content(path)
        pointer, size = lfs_pointer(content), len(content)
        lfs = {"oid": sha256(content), "size": size, "pointerSize": len(pointer)}
        return {"type": "file", "path": path, "size": size, "oid": blob_id(pointer), "lfs": lfs}


def peak_memory(*command: str | Path, env: Mapping[str, str], cwd: Path) -> tuple[int, int]:
    """Run a program; return its exit status, and the most memory that it had, in KiB."""
    # A small program starts it: the memory of who does that counts as well.
    run = [sys.executable, "-c", _MEASURE, *command]
    done = subprocess.run(run, env={**env}, cwd=cwd, stdout=subprocess.PIPE, check=True)
    status, peak = map(int, done.stdout.split())
    return status, peak


def _content(path: str) -> bytes:
    if path.endswith("config.json"):
        return b"{}"
    return re.sub(r".*/", "", path).encode()


def _json(value: object, headers: dict[str, str] | None = None) -> Response:
    return Response(200, headers or {}, json.dumps(value).encode())
