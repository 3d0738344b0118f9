"""Full disks: seen before a byte is fetched, or met on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.disk import fill, small_disk
from support.faults import Fault, spoil
from support.matrix import LARGE, SMALL
from support.specs import EVERYTHING, file_pin, source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.fetcher import Fetch
    from support.hub import Hub
    from support.loopback import Request, Response
    from support.verdict import Verdict

FILES = {"large.safetensors": LARGE, "model.safetensors": SMALL}
PIN = file_pin("large.safetensors", LARGE)


@pytest.mark.parametrize("mode", ["file", "tree"])
def test_too_small_a_disk(
    hub: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path, mode: str
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*"])
    spec, needed = (PIN, "16.0 MiB") if mode == "file" else (EVERYTHING, "19.0 MiB")
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        run = fetch(mode, source(hub, repo), out=disk / "out", **spec)
        verdict(run, FILES, refused=f"8.0 MiB free, but {needed} are needed[^$]*hint: free")
    assert not any(request.path.startswith("/cdn/") for request in hub.log)


@pytest.mark.parametrize("mode", ["file", "a file of unknown size", "tree"])
def test_a_disk_that_someone_else_fills(
    hub: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path, mode: str
) -> None:
    """It may be full at once, or the space for a file may have been taken before."""
    repo = hub.add_repo("org/model", FILES, lfs=["*"])
    spec = {**PIN, "size": None} if "unknown" in mode else PIN
    with small_disk(tmp_path / "disk", 40 << 20) as disk:

        def change(request: Request, answer: Callable[[Request], Response]) -> Response:
            fill(disk)
            return answer(request)

        spoil(hub, Fault("", change))
        run = (
            fetch("tree", source(hub, repo), out=disk / "out", **EVERYTHING)
            if mode == "tree"
            else fetch("file", source(hub, repo), out=disk / "out", **spec)
        )
        verdict(run, FILES if mode == "tree" else LARGE, refused="full|No space", either=True)


def test_an_unknown_size_that_does_not_fit(
    hub: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*"])
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        run = fetch("file", source(hub, repo), out=disk / "out", **{**PIN, "size": None})
        verdict(run, LARGE, refused="(full|free|No space)[^$]*16.0 MiB[^$]*hint: .*free")


def test_room_after_all(hub: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path) -> None:
    """The same command succeeds once there is space, over what the first run has left."""
    repo = hub.add_repo("org/model", FILES, lfs=["*"])
    with small_disk(tmp_path / "disk", 24 << 20) as disk:
        fill(disk)
        spec = {**PIN, "size": None}
        verdict(fetch("file", source(hub, repo), out=disk / "out", **spec), LARGE, refused="error")
        (disk / "filler").unlink()
        verdict(fetch("file", source(hub, repo), out=disk / "out", **spec), LARGE)
