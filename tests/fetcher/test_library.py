"""The fetcher inside another program: it prints, stops and cleans up, and nothing more."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import retry
from aimodels_fetcher.content_hashes import Unread, hash_contents
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.fetch import fetch_files, fetch_tree
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.huggingface import HuggingFace
from aimodels_fetcher.spec import FileSpec, TreeSpec
from aimodels_fetcher.upstreams import Upstream, Upstreams
from support.environment import CHECKOUT
from support.fake_repo import BigFile
from support.faults import ALWAYS, CDN, Fault, edited, spoil, stalls
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.loopback import Request

FILES: dict[str, Content] = {
    **{f"{n}.json": b"%d" % n for n in range(20)},
    "model.safetensors": BigFile(9 << 20, 1),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/model", FILES, lfs=["*.safetensors"])


def source(hub: Hub, repo: Repo) -> HuggingFace:
    return HuggingFace(repo.id, repo.sha, "main", repo.type, hub.url, trusted=False)


def pins(hub: Hub, repo: Repo, out: Path) -> list[tuple[FileSpec, Path]]:
    sources = (source(hub, repo),)
    return [
        (FileSpec(sources, path, sri(content), len(content)), out / path)
        for path, content in FILES.items()
    ]


def settled(hub: Hub) -> int:
    """The number of requests, once what was on its way has arrived."""
    time.sleep(0.3)
    return len(hub.log)


def test_many_files_in_one_go(hub: Hub, repo: Repo, tmp_path: Path) -> None:
    done: list[Path] = []
    fetch_files(pins(hub, repo, tmp_path), done.append, connections=3)
    assert {path.name: sri(path.read_bytes()) for path in tmp_path.iterdir()} == {
        path: sri(content) for path, content in FILES.items()
    }
    assert sorted(done) == sorted(tmp_path.iterdir())
    # Two hosts, and no more than three connections to each.
    assert sum(request.turn == 1 for request in hub.log) <= 6


def test_files_that_are_there_after_a_failure_are_whole(
    hub: Hub, repo: Repo, tmp_path: Path
) -> None:
    (tmp_path / "19.json").write_bytes(b"older")
    wanted = pins(hub, repo, tmp_path)
    spec, path = wanted[10]
    wanted[10] = replace(spec, hash=sri(b"other")), path
    done: list[Path] = []
    with pytest.raises(FetchError, match=r"expected sha256-.*, received sha256-"):
        fetch_files(wanted, done.append, connections=2)
    assert set(tmp_path.iterdir()) == {*done, tmp_path / "19.json"}
    for each in done:
        assert sri(each.read_bytes()) == sri(FILES[each.name])


def test_nothing_is_asked_after_a_failure(hub: Hub, repo: Repo, tmp_path: Path) -> None:
    def fault(request: Request) -> Response | None:
        return Response(404) if request.path.endswith("/3.json") else None

    hub.faults = fault
    with pytest.raises(FetchError, match=r"3\.json: HTTP 404"):
        fetch_files(pins(hub, repo, tmp_path), connections=2)
    asked = len(hub.log)
    assert asked < len(FILES)
    assert settled(hub) == asked


@contextmanager
def interrupted(hub: Hub) -> Iterator[None]:
    """Press Ctrl-C once a MiB has been sent."""
    waiting, us = threading.Event.wait, threading.current_thread()

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread() is us and hub.sent_bytes > 1 << 20:
            raise KeyboardInterrupt
        return waiting(event, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Event, "wait", wait)
        yield


@pytest.mark.parametrize("mode", ["files", "tree", "hashes"])
def test_ctrl_c_stops_at_once(hub: Hub, repo: Repo, tmp_path: Path, mode: str) -> None:
    """The large file is never done, and each part of it would be asked for again."""
    spoil(hub, Fault("", edited(stalls(0.5)), ALWAYS, CDN))
    out = tmp_path / "out"
    out.mkdir()
    at = Upstreams([Upstream(source(hub, repo), 4)])
    tree = TreeSpec((source(hub, repo),), filters=Filters(), integration=True, hashes={})
    runs: dict[str, Callable[[], object]] = {
        "files": lambda: fetch_files(pins(hub, repo, out), connections=4),
        "tree": lambda: fetch_tree(tree, out / "entry", connections=4),
        "hashes": lambda: hash_contents([Unread(RemoteFile(p), at) for p in FILES], out, 4),
    }
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interrupted(hub):
        runs[mode]()
    asked = len(hub.log)
    assert time.monotonic() - start < 10
    assert settled(hub) == asked
    assert not (out / "model.safetensors").exists()
    assert not (out / "entry").exists()


def test_importing_it_changes_nothing() -> None:
    """No handler, no thread, no output, and nothing of the command line."""
    script = """
import signal, sys, threading
before = [signal.getsignal(number) for number in signal.valid_signals()]
import aimodels_fetcher.content_hashes, aimodels_fetcher.fetch
assert before == [signal.getsignal(number) for number in signal.valid_signals()]
assert threading.active_count() == 1
assert "argparse" not in sys.modules
"""
    env = {"PYTHONPATH": str(CHECKOUT / "nix/fetcher")}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
