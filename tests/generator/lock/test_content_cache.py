"""The small contents that locking keeps for the next time."""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.cache import cache_directory
from aimodels_gen.lock import content_cache
from aimodels_gen.lock.content_cache import ContentCache
from aimodels_gen.lock.model import MOST_BUNDLED
from support.fake_repo import blob_id

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b'{"a": 1}\n'
ID = blob_id(CONTENT)


def root() -> Path:
    return cache_directory() / "contents"


def names() -> set[str]:
    return {path.name for path in root().iterdir()}


def test_a_content_comes_back_by_its_git_id_or_its_sha256() -> None:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for name in (ID, sha256):
        ContentCache().put(name, CONTENT)
        assert ContentCache().get(name) == CONTENT
    assert names() == {ID, sha256}


def test_only_the_user_may_read_it() -> None:
    """It may be of a private repository."""
    before = os.umask(0)
    try:
        ContentCache().put(ID, CONTENT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(root().stat().st_mode) == 0o700
    assert stat.S_IMODE((root() / ID).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"", b'{"a": 2}\n', CONTENT + b"\0", bytes(MOST_BUNDLED + 1)])
def test_what_is_damaged_is_not_taken(damage: bytes) -> None:
    cache = ContentCache()
    cache.put(ID, CONTENT)
    (root() / ID).write_bytes(damage)
    assert cache.get(ID) is None
    assert names() == set()
    cache.put(ID, CONTENT)
    assert cache.get(ID) == CONTENT


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    root().mkdir(parents=True)
    directory, pipe, link = (blob_id(b"%d" % number) for number in range(3))
    (root() / directory).mkdir()
    os.mkfifo(root() / pipe)
    (root() / link).symlink_to(tmp_path / "mine")
    cache = ContentCache()
    for name in (directory, link):
        assert cache.get(name) is None
        cache.put(name, CONTENT)
        assert cache.get(name) is None
    assert cache.get(pipe) is None
    assert (root() / directory).is_dir()
    assert (tmp_path / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../victim", "/victim", "victim", "", ".", "0" * 39, "A" * 40])
def test_what_a_lock_calls_a_git_id_may_be_a_path(name: str) -> None:
    victim = cache_directory() / "victim"
    victim.parent.mkdir(parents=True)
    victim.write_bytes(b"precious")
    cache = ContentCache()
    assert cache.get(name) is None
    cache.put(name, CONTENT)
    assert victim.read_bytes() == b"precious"
    assert not root().exists()


def test_what_was_not_used_for_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_cache, "_MOST", 3 * 4096)  # a file takes a block at least
    cache = ContentCache()
    contents = [b"%d" % number for number in range(5)]
    for age, content in enumerate(reversed(contents)):
        cache.put(blob_id(content), content)
        os.utime(root() / blob_id(content), (age, age))
    assert cache.get(blob_id(contents[4])) == contents[4]
    cache.trim()
    assert names() == {blob_id(contents[number]) for number in (4, 0, 1)}
    # Reading alone does not look at all the others.
    os.utime(root() / blob_id(contents[0]), (0, 0))
    monkeypatch.setattr(content_cache, "_MOST", 4096)
    reader = ContentCache()
    assert reader.get(blob_id(contents[0])) == contents[0]
    reader.trim()
    assert len(names()) == 3


def test_what_a_killed_run_left_goes() -> None:
    cache = ContentCache()
    cache.put(ID, CONTENT)
    left, new = root() / ".new-left", root() / ".new-busy"
    left.write_bytes(b"x")
    with new.open("wb") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        cache.trim()
        assert names() == {ID, new.name}


def test_large_contents_are_not_kept() -> None:
    large = bytes(MOST_BUNDLED + 1)
    ContentCache().put(blob_id(large), large)
    assert not root().exists()


@pytest.mark.parametrize("where", ["file", "none"])
def test_a_cache_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file") if where == "file" else os.devnull)
    cache = ContentCache()
    cache.put(ID, CONTENT)
    assert cache.get(ID) is None
    cache.trim()


def fill(start: int) -> None:
    cache = ContentCache()
    for number in range(200):
        content = b"%d" % (number % 50 + start)
        name = blob_id(content)
        cache.put(name, content)
        assert cache.get(name) in {content, None}
        if number % 20 == 0:
            cache.trim()


def test_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_cache, "_MOST", 40 * 4096)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=fill, args=(start,)) for start in (0, 0, 25)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert all(len(name) == 40 for name in names())
    assert all(ContentCache().get(name) is not None for name in names())
    shutil.rmtree(root())
