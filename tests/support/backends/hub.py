"""A repository on a Hub of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from support.backends import Backend
from support.hub import Hub
from support.s3 import PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.fake_repo import Content
    from support.loopback import Request

_LFS = ("*.safetensors", "*.gguf")


class HubBackend(Backend):
    kind = "huggingface"
    keeps_replaced = True
    publishes = True
    hostile = ("../evil", "/evil", "a//b", "a/./b", "..")
    secret = "hf_secretsecretsecret"

    @classmethod
    def serve(cls, directory: Path) -> AbstractContextManager[object]:  # noqa: ARG003 (a process)
        return Hub(page_size=PAGE)

    def __init__(self, server: object, name: str) -> None:
        self._repo = f"org/{name}"
        self.recording_proxy = self._hub = cast("Hub", server)
        self._hub.reset()
        self._hub.allow(self.secret, self._repo)
        self.env = {"HF_ENDPOINT": self.recording_proxy.url, "HF_TOKEN": self.secret}
        self._made = self._hub.add_repo(self._repo, {}, lfs=_LFS, private=True)

    def fill(self, files: Mapping[str, Content]) -> None:
        self._made.commit(files)

    def source(self) -> str:
        return f'source.huggingface = {{ repo = "{self._repo}" }}'

    def refuse(self) -> None:
        self.env = {**self.env, "HF_TOKEN": "hf_anothersecret"}

    def lose(self) -> None:
        self._repo = "org/nothing-here"

    def is_content(self, request: Request) -> bool:
        return request.method == "GET" and not request.path.startswith("/api/models/")


BACKEND = HubBackend
