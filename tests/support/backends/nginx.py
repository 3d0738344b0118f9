"""Files below nginx, each at its own address."""

from __future__ import annotations

import contextlib
import json
import shutil
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from support.backends import Backend, ServedDirectory
from support.fake_repo import mirror
from support.nginx import Nginx
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.fake_repo import Content
    from support.loopback import Request


class NginxBackend(Backend):
    kind = "url"
    lists = False
    file_and_directory = True
    hostile = ("../evil", "/evil", "a//b", "a/./b", "..")

    @classmethod
    def serve(cls, directory: Path) -> AbstractContextManager[object]:
        return _served(directory)

    def __init__(self, server: object, name: str) -> None:
        served = cast("ServedDirectory", server)
        self.recording_proxy = served.recording_proxy
        self.recording_proxy.reset()
        self.env = {}
        self._url = f"{self.recording_proxy.url}/{name}"
        self._directory = served.root / name
        self._directory.mkdir()
        self._paths: list[str] = []
        self._numbers: dict[str, int] = {}

    def fill(self, files: Mapping[str, Content]) -> None:
        for path in files:
            self._numbers.setdefault(path, len(self._numbers))
        self._paths = list(files)
        mirror(
            self._directory, {str(self._numbers[path]): content for path, content in files.items()}
        )

    def source(self) -> str:
        # The path says nothing: names are the manifest's, addresses the server's.
        rows = (
            f'{json.dumps(path, ensure_ascii=False)} = "{self._url}/{number}?name={quote(path)}"'
            for path, number in self._numbers.items()
            if path in self._paths
        )
        return (
            f"source.url.files = {{ {', '.join(rows)} }}\n"
            'source.url.query = "public"\n'
            'integration.huggingface = { org = "my-org", model = "it" }'
        )

    def refuse(self) -> None:
        self._directory.chmod(0)

    def lose(self) -> None:
        shutil.rmtree(self._directory)

    def is_content(self, request: Request) -> bool:
        return request.method == "GET"


@contextlib.contextmanager
def _served(directory: Path) -> Iterator[ServedDirectory]:
    root = directory / "root"
    root.mkdir()
    with Nginx(root, directory) as nginx, RecordingProxy(nginx.url) as recording_proxy:
        yield ServedDirectory(root, recording_proxy)


BACKEND = NginxBackend
