"""A prefix of a bucket on moto, which looks at signatures and at who may do what."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from support import s3
from support.backends import Backend
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.fake_repo import Content
    from support.loopback import Request


@dataclass(frozen=True)
class _Guarded:
    moto: s3.Moto
    recording_proxy: RecordingProxy
    owner: tuple[str, str]
    stranger: tuple[str, str]


class MotoBackend(Backend):
    kind = "s3"
    file_and_directory = True
    publishes = True
    hostile = ("/evil", "a//b", "a/")
    versions = False

    @classmethod
    def serve(cls, directory: Path) -> AbstractContextManager[object]:
        return _guarded(directory)

    def __init__(self, server: object, name: str) -> None:
        self._server = cast("_Guarded", server)
        self.recording_proxy = self._server.recording_proxy
        self.recording_proxy.reset()
        self._bucket = f"bucket-{name}"
        self._server.moto.bucket(self._bucket, versions=self.versions)
        self._sign_as(self._server.owner)

    def _sign_as(self, keys: tuple[str, str]) -> None:
        key, self.secret = keys
        self.env = {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL_S3": self.recording_proxy.url,
        }

    def fill(self, files: Mapping[str, Content]) -> None:
        api = self._server.moto.api
        wanted = {f"models/it/{path}": content for path, content in files.items()}
        for page in api.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for row in page.get("Contents", ()):
                if row["Key"] not in wanted:
                    api.delete_object(Bucket=self._bucket, Key=row["Key"])
        self._server.moto.put(self._bucket, wanted)

    def source(self) -> str:
        return (
            f'source.s3 = {{ bucket = "{self._bucket}", prefix = "models/it" }}\n'
            'integration.huggingface = { org = "my-org", model = "it" }'
        )

    def refuse(self) -> None:
        self._sign_as(self._server.stranger)

    def lose(self) -> None:
        self._bucket = "nothing-here"

    def is_content(self, request: Request) -> bool:
        return request.method == "GET" and "list-type=2" not in request.path


@contextlib.contextmanager
def _guarded(directory: Path) -> Iterator[_Guarded]:
    with s3.Moto(directory) as moto, RecordingProxy(moto.url) as recording_proxy:
        owner = moto.reader("owner", "s3:*")
        stranger = moto.reader("stranger")
        moto.guard()
        moto.api = s3.client(moto.url, key=owner[0], secret=owner[1])
        yield _Guarded(moto, recording_proxy, owner, stranger)


BACKEND = MotoBackend
