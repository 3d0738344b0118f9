"""An S3 server with files, and the fetcher to read them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fetcher.s3.helpers import FILES
from support.fetcher import ENV as ENVIRONMENT
from support.fetcher import PYTHONS, Fetch
from support.forks import ForkServer
from support.recording_proxy import RecordingProxy
from support.s3 import Moto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        moto.bucket("my-models")
        moto.put("my-models", {f"it/{path}": content for path, content in FILES.items()})
        moto.bucket("public")
        moto.put("public", {"it/config.json": b"{}"}, ACL="public-read")
        yield moto


@pytest.fixture(scope="module", params=list(PYTHONS.values()), ids=list(PYTHONS))
def server(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    """To import requests and botocore takes longer than what most tests here do with them."""
    modules = ["requests", "botocore.auth", "botocore.awsrequest", "botocore.credentials"]
    with closing(ForkServer(request.param, [*modules, "botocore.exceptions"], ENVIRONMENT)) as it:
        yield it


@pytest.fixture
def fetch(server: ForkServer, tmp_path: Path) -> Iterator[Fetch]:
    """Run the fetcher."""
    with closing(Fetch("", tmp_path, server=server)) as fetch:
        yield fetch


@pytest.fixture
def recording_proxy(moto: Moto) -> Iterator[RecordingProxy]:
    with RecordingProxy(moto.url) as recording_proxy:
        yield recording_proxy
