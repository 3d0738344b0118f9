"""What the fetcher keeps of each file of a model with many."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher import assemble
from aimodels_fetcher.layout import LaidFile, LaidFiles
from aimodels_fetcher.sources import sources_from
from aimodels_fetcher.spec import AssembleSpec, StoreFile
from support.environment import CHECKOUT
from support.fake_repo import sha256
from support.fetcher import ENV
from support.specs import EVERYTHING, source, sri

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub

_FEW, _FETCHED, _MANY = 100, 700, 1100
_SHA = "0123456789abcdef0123456789abcdef01234567"


_MEASURED = """
import sys, tracemalloc
sys.path.insert(0, sys.argv[1])
from aimodels_fetcher import cli, fetch
tracemalloc.start()
status = cli.main(sys.argv[2:])
print(tracemalloc.get_traced_memory()[1])
sys.exit(status)
"""


def path_of(number: int) -> str:
    return f"data/train/shard-00000/part-000/image_{number:08}.jpg"


def test_files_that_are_laid_out() -> None:
    laid = LaidFiles()
    tracemalloc.start()
    try:
        for number in range(_MANY):
            laid.add(path_of(number), LaidFile("ab" * 32, number, "cd" * 20))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 200 * _MANY


def test_files_that_are_assembled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their spec is read as a whole; beside that there is little."""
    monkeypatch.setattr(assemble, "_BUFFER", 1 << 10)
    store = tmp_path / "store"
    store.mkdir()
    files = {}
    for number in range(_MANY):
        content = b"%d" % number
        (store / sha256(content)).write_bytes(content)
        files[path_of(number)] = StoreFile(
            f"{store}/{sha256(content)}", sri(content), len(content), lfs=False, bundled=True
        )
    given = {"repo": "org/model", "rev": _SHA, "ref": "main", "repoType": "model"}
    sources = sources_from([{"huggingface": {**given, "endpoint": "https://huggingface.co"}}])

    def peak(count: int) -> int:
        some = {path: files[path] for path in list(files)[:count]}
        spec = AssembleSpec(sources, some, integration=True, link=True)
        tracemalloc.start()
        try:
            assemble.assemble(spec, tmp_path / f"{count}")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    assert (peak(_MANY) - peak(_FEW)) / (_MANY - _FEW) < 200
    assert len(list((tmp_path / f"{_MANY}/blobs").iterdir())) == _MANY


@pytest.mark.parametrize(("mode", "most"), [("tree", 900), ("bundle", 900)])
def test_files_that_are_fetched(hub: Hub, tmp_path: Path, mode: str, most: int) -> None:
    """With their spec, if it names them."""
    peaks = []
    for count in (_FEW, _FETCHED):
        files = {path_of(number): b"%d" % number for number in range(count)}
        spec: dict[str, Any] = dict(EVERYTHING)
        if mode == "bundle":
            rows = {path: {"hash": sri(one), "size": len(one)} for path, one in files.items()}
            spec = {"files": rows}
        sources = [source(hub, hub.add_repo(f"org/{count}", files))]
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps({"mode": mode, "sources": sources, **spec}))
        # More connections have buffers of their own, and it varies how many there are at a time.
        env = {**ENV, "out": str(tmp_path / f"out-{count}"), "AIMODELS_MAX_CONNECTIONS": "1"}
        run = [sys.executable, "-c", _MEASURED, f"{CHECKOUT}/nix/fetcher", str(file)]
        done = subprocess.run(run, env=env, stdout=subprocess.PIPE, check=True)
        peaks.append(int(done.stdout))
        assert len([*(tmp_path / f"out-{count}").rglob("*")]) >= count
    assert (peaks[1] - peaks[0]) / (_FETCHED - _FEW) < most
