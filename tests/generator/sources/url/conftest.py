"""A web server with a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.url.helpers import (
    CONTENT,
)
from support.fake_repo import mirror
from support.nginx import Nginx, public_directory
from support.patience import hurry
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have short waits between tries."""
    hurry(monkeypatch)


@pytest.fixture
def recording_proxy() -> Iterator[RecordingProxy]:
    """nginx with the model, and others beside it."""
    files = {"model.gguf": CONTENT, "other.gguf": b"other", "page.html": b"<html></html>"}
    with public_directory() as folder:
        mirror(folder / "www", files)
        with Nginx(folder / "www", folder) as nginx, RecordingProxy(nginx.url) as recording_proxy:
            yield recording_proxy


@pytest.fixture
def nix_store(host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    return host_nix
