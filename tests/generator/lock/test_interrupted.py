"""What a download that has not ended leaves behind, and what the next run makes of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.cache import cache_directory
from aimodels_gen.lock import partial_files
from aimodels_gen.lock.partial_files import PartialFiles
from generator.stores import LFS, MANIFEST, MIB, content
from support.fake_repo import BigFile, sha256

if TYPE_CHECKING:
    from support.hub import Hub, Request, Response
    from support.nix import NixEnv
    from support.project import Project


def spawned(project: Project, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", *args],
        env=project.environment(),
        cwd=project.dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def parts() -> list[Path]:
    directory = cache_directory() / "partial"
    return sorted(directory.iterdir()) if directory.is_dir() else []


BIG = BigFile(64 * MIB, seed=3)


@pytest.mark.parametrize("pin", ["files", "tree"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_download_goes_on(
    hub: Hub, hub_project: Project, host_store: NixEnv, pin: str, sent: signal.Signals
) -> None:
    """Each byte is sent once, but for the last few before a kill."""
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG, "config.json": b"{}"}, lfs=LFS)
    hub_project.write(MANIFEST)
    command = ["lock", "--pin", "tree"] if pin == "tree" else ["prefetch"]
    if pin == "files":
        hub_project.ok("lock")
    content(hub)
    most = 24 * MIB
    stopped, finished = threading.Event(), threading.Event()

    def stall(request: Request) -> Response | None:
        """Hold further parts back once enough have come: something has to be left."""
        if "/cdn/" in request.path and sum(r.sent_bytes for r in hub.log) > most:
            stopped.set()
            finished.wait(20)
        return None

    hub.faults = stall
    process = spawned(hub_project, *command)
    try:
        assert stopped.wait(20)
        time.sleep(1.5)  # for the note of what has come
        process.send_signal(sent)
        process.communicate(timeout=10)
    finally:
        process.kill()
        finished.set()
    hub.faults = lambda _: None
    assert len(parts()) == 1
    time.sleep(0.5)
    before = content(hub)
    assert before > most
    assert hub_project.run(*command).status == 0
    assert content(hub) < BIG.size - most + 9 * MIB
    assert parts() == []


def test_bytes_that_are_wrong_are_not_gone_on_with(
    hub: Hub, hub_project: Project, host_store: NixEnv
) -> None:
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    directory = cache_directory() / "partial" / sha256(BIG)
    directory.mkdir(parents=True)
    (directory / "model.safetensors").write_bytes(bytes(BIG.size // 2))
    (directory / ".notes").write_text(
        json.dumps({"size": BIG.size, "missing": [[BIG.size // 2, BIG.size]]})
    )
    (added,) = hub_project.ok("prefetch").split()
    assert hashlib.sha256(Path(added).read_bytes()).hexdigest() == sha256(BIG)
    assert parts() == []


@pytest.mark.parametrize(
    "notes",
    ["", "[]", "{}", '{"size": 1, "missing": []}', '{"size": 67108864, "missing": [[5, 1]]}'],
)
def test_notes_that_are_damaged(
    hub: Hub, hub_project: Project, host_store: NixEnv, notes: str
) -> None:
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    directory = cache_directory() / "partial" / sha256(BIG)
    directory.mkdir(parents=True)
    (directory / "another-name").write_bytes(b"x")
    (directory / ".notes").write_text(notes)
    assert len(hub_project.ok("prefetch").split()) == 1
    assert parts() == []


def test_two_processes_do_not_share_a_download(tmp_path: Path) -> None:
    with PartialFiles() as mine, PartialFiles() as theirs:
        target = mine.target("x.bin", "0" * 64, BIG.size)
        assert target
        assert theirs.target("x.bin", "0" * 64, BIG.size) is None
        target.path.write_bytes(b"x")
        mine.remove(target.path)
        assert not target.path.exists()
        assert theirs.target("x.bin", "0" * 64, BIG.size)
    assert mine.target("small", "1" * 64, 5) is None
    assert tmp_path.is_dir()


def test_old_downloads_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    with PartialFiles() as files:
        kept, old = (files.target("x", digit * 64, BIG.size) for digit in "01")
        assert kept
        assert old
    os.utime(old.path.parent, (0, 0))
    with PartialFiles():
        assert parts() == [kept.path.parent]
    monkeypatch.setattr(partial_files, "_KEPT_SECONDS", -1)
    with PartialFiles():
        assert parts() == []


@pytest.mark.parametrize("where", [os.devnull, ""])
def test_a_cache_that_cannot_be_written(
    hub: Hub, hub_project: Project, host_store: NixEnv, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    monkeypatch.setenv("XDG_CACHE_HOME", where)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert len(hub_project.ok("prefetch").split()) == 1
    assert not (hub_project.dir / "~").exists()


@pytest.mark.parametrize("stalled", ["/tree/", "/resolve/"])
def test_an_interrupt_among_many_files_leaves_nothing(
    hub: Hub, hub_project: Project, tmp_path: Path, stalled: str
) -> None:
    """In the middle of listing 5,000 files, and of reading them to hash them."""
    hub.add_repo("org/name", {f"{number}.json": b"%d" % number for number in range(5000)})
    hub_project.write(MANIFEST)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    reached, finished = threading.Event(), threading.Event()
    passed = 2 if stalled == "/tree/" else 500

    def stall(request: Request) -> Response | None:
        if stalled in request.path and sum(stalled in one.path for one in hub.log) > passed:
            reached.set()
            finished.wait(20)
        return None

    hub.faults = stall
    process = subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", "lock"],
        env={**hub_project.environment(), "TMPDIR": str(temporary)},
        cwd=hub_project.dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert reached.wait(30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
        finished.set()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "error: interrupted"
    assert list(temporary.iterdir()) == []
    assert {path.name for path in hub_project.dir.iterdir()} == {"models.toml", "temporary"}


def test_what_is_too_much_goes_by_its_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with PartialFiles() as files:
        for digit in "0123":
            made = files.target("x", digit * 64, BIG.size)
            assert made
            made.path.write_bytes(bytes(MIB))
            os.utime(made.path.parent, (time.time() - int(digit),) * 2)
    monkeypatch.setattr(partial_files, "_MOST", 2 * MIB + 64 * 1024)
    with PartialFiles() as files:
        assert [path.name[0] for path in parts()] == ["0", "1"]
        # The newest one stays, whatever its size, and what is being downloaded.
        monkeypatch.setattr(partial_files, "_MOST", 1)
        held = files.target("x", "1" * 64, BIG.size)
        assert held
        os.utime(held.path.parent, (time.time() - 100,) * 2)
        with PartialFiles():
            assert [path.name[0] for path in parts()] == ["0", "1"]
    assert [path.name[0] for path in parts()] == ["0"]


def test_files_share_the_room_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been promised to one is not promised to the next."""
    usage = type("Usage", (), {"free": 100 * MIB})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with PartialFiles() as files:
        assert files.target("x", "0" * 64, BIG.size)
        assert files.target("y", "1" * 64, BIG.size) is None
        assert files.target("z", "2" * 64, 30 * MIB)
