"""What builds refuse whatever the source is: the same build succeeds after the hint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fetcher.remedies.world import CONTENT, World
from support.disk import fill, small_disk
from support.environment import CHECKOUT
from support.fetcher import ENV as ENVIRONMENT
from support.loopback import Response
from support.remedies import cures
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.forks import ForkServer
    from support.remedies import Remedy


@cures("name the JSON file that Nix made")
def test_no_spec(world: World, server: ForkServer, remedy: Remedy) -> None:
    log = world.directory / "log"
    environment = {**ENVIRONMENT, "out": str(world.directory / "out")}
    server.start([CHECKOUT / "nix/fetcher", "missing.json"], environment, log).communicate(
        timeout=60
    )
    remedy(log.read_text())
    assert world.build().status == 0


@cures("pin the commit: rev = <40 hex digits>")
def test_an_entry_without_a_commit(world: World, remedy: Remedy) -> None:
    stored = world.directory / "a.json"
    stored.write_bytes(CONTENT)
    file = {"store": str(stored), "hash": sri(CONTENT), "size": len(CONTENT), "lfs": False}
    world.mode, world.spec = (
        "assemble",
        {"files": {"a.json": file}, "integration": True, "layout": "copy"},
    )
    world.has(rev=None)
    remedy(world.build().log)
    world.has(rev=world.repo.sha)
    assert world.build().status == 0


@cures("…, or correct the pin, if you wrote it")
def test_a_size_that_is_wrong(world: World, remedy: Remedy) -> None:
    stored = world.directory / "a.json"
    stored.write_bytes(CONTENT)
    file = {"store": str(stored), "hash": sri(CONTENT), "size": 7, "lfs": False}
    world.mode, world.spec = (
        "assemble",
        {"files": {"a.json": file}, "integration": True, "layout": "copy"},
    )
    remedy(world.build().log)
    file["size"] = len(CONTENT)
    assert world.build().status == 0


@pytest.fixture
def disk(world: World) -> Iterator[Path]:
    """A disk on which builds put what they make, too small for two of a file."""
    large = b"x" * (1 << 20)
    world.repo.commit({"a.json": large})
    world.has(rev=world.repo.sha)
    world.spec = {
        "path": "a.json",
        "hash": sri(large),
        "size": len(large),
        "out": world.directory / "disk/out",
    }
    with small_disk(world.directory / "disk", 3 << 20) as disk:
        yield disk


@cures("free some space (nix-collect-garbage -d), then try again")
def test_a_full_disk(world: World, remedy: Remedy, disk: Path) -> None:
    fill(disk)
    remedy(world.build().log)
    (disk / "filler").unlink()
    assert world.build().status == 0


@cures(
    "something else fills the disk as well: free some space (nix-collect-garbage -d), then try "
    "again"
)
def test_a_disk_that_fills_meanwhile(world: World, remedy: Remedy, disk: Path) -> None:
    def body() -> Iterator[bytes]:
        yield b"x" * (1 << 19)
        while not any(path.stat().st_blocks for path in disk.rglob("*") if path.is_file()):
            time.sleep(0.01)
        fill(disk)
        yield b"x" * (1 << 19)

    world.hub.faults = lambda r: (
        Response(200, {}, body(), "chunked") if "resolve" in r.path else None
    )
    remedy(world.build().log)
    world.recovers()
    (disk / "filler").unlink()
    assert world.build().status == 0
