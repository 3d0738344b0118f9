"""One run at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from aimodels_linker import lock
from aimodels_linker.spec import read_spec
from aimodels_linker.sync import link
from linker.helpers import A
from support.linker import PROGRAM, contents
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.linker import Linker

_NOBODY = 65534
needs_two_users = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")

# Lock all that can be locked.
_HOLD = """
import fcntl, os, sys
for path in sys.argv[1:]:
    fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0.2)
    monkeypatch.setattr(lock, "_SILENCE", 0.0)
    monkeypatch.setattr(lock, "_PAUSE", 0.001)


@pytest.fixture
def place(linker: Linker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is locked."""
    directory = linker.root / "locks"
    monkeypatch.setattr(lock, "_ROOTS_DIRECTORY", str(directory))
    return directory / "nix-ai-models.lock" if os.geteuid() == 0 else linker.state.parent


def hold(path: Path) -> int:
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def pause(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    """Let the linker's pauses be this, and leave those of other threads as they are."""
    monkeypatch.setattr(lock, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))


@pytest.mark.parametrize("command", ["link", "unlink"])
def test_a_run_that_does_not_end(
    linker: Linker, entry: Callable[..., Path], place: Path, command: str
) -> None:
    spec = linker.spec({A: entry()})
    held = hold(place)
    before = contents(linker.root / "cache")
    run = linker.run(command, spec)
    assert run.status == 1
    warning, error = run.err
    assert warning == f"warning: another run holds the lock {place}: waiting until it ends"
    assert error == (
        f"error: another run has held the lock {place} for 0.2 seconds: end it (fuser -v {place} "
        "shows it), and activate again"
    )
    assert contents(linker.root / "cache") == before
    os.close(held)
    assert linker.run(command, spec).err == []


def test_a_run_that_ends(
    linker: Linker,
    entry: Callable[..., Path],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = hold(place)
    pause(monkeypatch, lambda _seconds: os.close(held))
    run = linker.link({A: entry()})
    assert (run.status, len(run.err)) == (0, 1)


def test_a_lock_that_was_removed_is_none(
    linker: Linker, entry: Callable[..., Path], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd removes the unit's directory when the unit stops."""
    if place.is_dir():
        pytest.skip("is for root")
    first = hold(place)
    second: list[int] = []

    def stop(_seconds: float) -> None:
        if not second:
            place.unlink()
            second.append(hold(place))
            os.close(first)

    pause(monkeypatch, stop)
    run = linker.link({A: entry()})
    assert run.status == 1
    assert "has held the lock" in run.err[-1]
    os.close(second[0])


def test_a_dry_run_waits_for_nobody(
    linker: Linker, entry: Callable[..., Path], place: Path
) -> None:
    held = hold(place)
    run = linker.link({A: entry()}, "--dry-run")
    assert (run.status, len(run.out), run.err) == (0, 1, [])
    os.close(held)


@pytest.mark.parametrize("code", [errno.EBADF, errno.ENOLCK])
def test_file_systems_without_locks(
    linker: Linker, entry: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """As NFS has none for a directory."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    run = linker.link({A: entry()})
    assert (run.status, run.err) == (0, [])


@needs_two_users
def test_root_without_a_place_for_the_lock(
    linker: Linker, entry: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, reason in (("file", "Not a directory"), ("other", "others can write to")):
        directory = linker.root / name
        if name == "file":
            directory.write_text("")
        else:
            directory.mkdir()
            os.chown(directory, _NOBODY, _NOBODY)
        monkeypatch.setattr(lock, "_ROOTS_DIRECTORY", str(directory))
        run = linker.link({A: entry()})
        assert run.status == 0
        (warning,) = run.err
        assert warning.startswith(f"warning: cannot lock {directory}/nix-ai-models.lock ({reason}")
    assert not (linker.root / "other/nix-ai-models.lock").exists()


@needs_two_users
def test_others_cannot_keep_root_waiting(
    linker: Linker, entry: Callable[..., Path], place: Path
) -> None:
    """The owner of the cache locks all that is there, and may not open our lock."""
    assert linker.link({A: entry()}).status == 0
    os.chown(linker.state.parent, _NOBODY, _NOBODY)
    status = place.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o600)
    paths = [linker.hub, linker.state.parent, linker.state]
    with subprocess.Popen(
        [*prefix(), sys.executable, "-c", _HOLD, *paths],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        run = linker.link({})
        process.communicate()
    assert (run.status, run.err) == (0, [])


@needs_two_users
@pytest.mark.parametrize("has_directory", [False, True])
def test_another_user_than_root(
    linker: Linker, entry: Callable[..., Path], *, has_directory: bool
) -> None:
    """A unit of systemd's has a directory; without one, that of the state is what is locked."""
    os.chown(linker.state.parent, _NOBODY, _NOBODY)
    directory = linker.root / "run"
    directory.mkdir()
    os.chown(directory, _NOBODY, _NOBODY)
    env = {"RUNTIME_DIRECTORY": str(directory) if has_directory else ""}
    descriptor = hold(linker.state.parent)
    with subprocess.Popen(
        [*prefix(), sys.executable, PROGRAM, "link", linker.spec({A: entry()})],
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", **env},
        text=True,
    ) as process:
        assert process.stderr
        if not has_directory:
            assert f"holds the lock {linker.state.parent}: waiting" in process.stderr.readline()
            os.close(descriptor)
        assert process.communicate()[1] == ""
    if has_directory:
        os.close(descriptor)
        assert (directory / "nix-ai-models.lock").stat().st_mode & 0o777 == 0o600
    assert (linker.hub / A).is_symlink()


def test_many_runs_at_once(linker: Linker, monkeypatch: pytest.MonkeyPatch) -> None:
    """No link leads to another model, and the state is that of the run that was last."""
    monkeypatch.setattr(lock, "_PATIENCE", 60)
    specs = []
    for version in range(4):
        models = {}
        for name in "abcdef":
            path = linker.store / f"{name}-{version}"
            path.mkdir(parents=True)
            models[f"models--org--{name}"] = path
        specs.append(read_spec(str(linker.spec(models))))
    with ThreadPoolExecutor() as pool:
        assert all(pool.map(partial(link, dry_run=False), specs * 20))
    found = {path.name[-1]: path.readlink().name for path in linker.hub.iterdir()}
    assert len(found) == 6
    versions = {target.rpartition("-") for target in found.values()}
    assert {name for name, _, _ in versions} == set(found)
    assert len({version for _, _, version in versions}) == 1
