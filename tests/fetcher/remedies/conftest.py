"""A fetcher that does not wait long, and a repository on a Hub."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fetcher.remedies.world import CONTENT, World
from support.fetcher import ENV, PYTHONS, Fetch
from support.forks import ForkServer
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Hub


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    modules = ["requests", "botocore.auth", "botocore.awsrequest", "botocore.credentials"]
    with closing(ForkServer(PYTHONS["new-requests"], modules, ENV)) as it:
        yield it


@pytest.fixture
def world(server: ForkServer, hub: Hub, tmp_path: Path) -> Iterator[World]:
    with closing(Fetch("", tmp_path, server=server)) as fetch:
        repo = hub.add_repo("org/m", {"a.json": CONTENT})
        keys = {"repo": "org/m", "rev": repo.sha, "ref": "main", "repoType": "model"}
        world = World(fetch.quick, hub, repo, tmp_path, {**keys, "endpoint": hub.url}, url=hub.url)
        world.spec = {"path": "a.json", "hash": sri(CONTENT), "size": len(CONTENT)}
        yield world
