"""A directory that hadro shows as a bucket: no checksums, and ETags that are not of content."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, cast

import pytest

from support import s3
from support.backends import Backend, ServedDirectory
from support.fake_repo import mirror
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.fake_repo import Content
    from support.loopback import Request


class HadroBackend(Backend):
    kind = "s3"
    secret = s3.SECRET

    @classmethod
    def serve(cls, directory: Path) -> AbstractContextManager[object]:
        pytest.importorskip("hadro", reason="hadro needs Python 3.11")
        return _served(directory)

    def __init__(self, server: object, name: str) -> None:
        served = cast("ServedDirectory", server)
        self.recording_proxy = served.recording_proxy
        self.recording_proxy.reset()
        self._bucket = f"bucket-{name}"
        self._directory = served.root / self._bucket
        self._directory.mkdir()
        self.env = {**s3.ENV, "AWS_ENDPOINT_URL": self.recording_proxy.url}

    def fill(self, files: Mapping[str, Content]) -> None:
        mirror(self._directory / "it", files)

    def source(self) -> str:
        return (
            f'source.s3 = {{ bucket = "{self._bucket}", prefix = "it/" }}\n'
            'integration.huggingface = { org = "my-org", model = "it" }'
        )

    def refuse(self) -> None:
        self.secret = "wrongwrongwrong"
        self.env = {**self.env, "AWS_SECRET_ACCESS_KEY": self.secret}

    def lose(self) -> None:
        shutil.rmtree(self._directory)

    def is_content(self, request: Request) -> bool:
        return request.method == "GET" and "list-type=2" not in request.path


@contextlib.contextmanager
def _served(directory: Path) -> Iterator[ServedDirectory]:
    root = directory / "root"
    root.mkdir()
    with s3.Hadro(root, directory) as hadro, RecordingProxy(hadro.url) as recording_proxy:
        yield ServedDirectory(root, recording_proxy)


BACKEND = HadroBackend
