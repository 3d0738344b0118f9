"""Builds that take files through the nginx of `fleet.serve`, with AIMODELS_CACHES."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.binary_cache import BinaryCache
from support.fake_repo import BigFile
from support.faults import slowed
from support.fetcher import Fetch
from support.fleet import Rack
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy
from support.specs import file_pin, sri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fetcher import Running
    from support.nix import NixEnv

NAME = "model.safetensors"
WEIGHTS = BigFile((9 << 20) + 7, 31)
NODES = 4


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with public_directory() as directory:
        (directory / "nginx").mkdir()
        yield directory


@pytest.fixture(scope="module")
def path(directory: Path) -> str:
    """The store path of the file that is in the cache."""
    return Path(BinaryCache(directory / "cache").add(NAME, WEIGHTS)).name


@pytest.fixture
def origin(directory: Path, path: str) -> Iterator[RecordingProxy]:
    assert path
    with (
        Nginx(directory / "cache", directory / "nginx") as nginx,
        RecordingProxy(nginx.url) as proxy,
    ):
        yield proxy


@pytest.fixture
def rack(store: NixEnv, origin: RecordingProxy) -> Iterator[Rack]:
    with Rack(store, origin.url) as server:
        yield server


@pytest.fixture
def builds(tmp_path: Path, path: str, rack: Rack) -> Iterator[list[Running]]:
    """Start a build on each node; the source of the model answers nobody."""
    dead = {"url": {"files": {NAME: [f"http://127.0.0.1:9/{NAME}"]}}}
    with closing(Fetch(sys.executable, tmp_path)) as fetch:
        started = []
        for node in range(NODES):
            (tmp_path / str(node)).mkdir()
            out, env = tmp_path / str(node) / path, {"AIMODELS_CACHES": rack.url}
            started.append(fetch.start("file", dead, env=env, out=out, **file_pin(NAME, WEIGHTS)))
        yield started


def check(builds: list[Running]) -> None:
    for build in builds:
        run = build.wait()
        assert run.status == 0, run.log
        assert sri(run.out.read_bytes()) == sri(WEIGHTS)


def test_the_origin_sends_each_byte_once(origin: RecordingProxy, builds: list[Running]) -> None:
    check(builds)
    assert origin.sent_bytes <= 1.01 * WEIGHTS.size


def test_a_rack_that_starts_again_is_waited_for(
    origin: RecordingProxy, rack: Rack, builds: list[Running]
) -> None:
    slow = slowed(0.01)
    origin.faults = lambda request: slow(origin.otherwise(request))
    deadline = time.monotonic() + 60
    while origin.sent_bytes < 2 << 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    rack.stop()
    rack.start()
    check(builds)
