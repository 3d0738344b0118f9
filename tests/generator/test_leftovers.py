"""Programs that are killed while they write, and several that write at once."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen import atomic
from aimodels_gen.atomic import Transaction
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.resolve import Resolved, resolve
from generator.helpers import names_in, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.project import Project

MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
# Each stops where it says so: waits for a line, or is gone at once.
STAGED = """
import os, sys
from pathlib import Path
from aimodels_gen.atomic import Transaction
with Transaction() as files:
    files.write(Path(sys.argv[1]), b"theirs")
    print("staged", flush=True)
    if not sys.stdin.readline():
        os.kill(os.getpid(), 9)
"""
SAVED = """
import os, sys
from pathlib import Path
from aimodels_gen.atomic import Transaction
Path.replace = lambda *_: os.kill(os.getpid(), 9)
with Transaction() as files:
    files.write(Path(sys.argv[1]), b"theirs")
    files.write(Path(sys.argv[1] + ".other"), b"theirs")
"""


def start(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("code", [STAGED, SAVED])
@pytest.mark.parametrize("content", [b"old", b"new"])
def test_what_a_killed_program_left_is_removed(tmp_path: Path, code: str, content: bytes) -> None:
    """Also where there is nothing to write."""
    file = tmp_path / "models.lock"
    (tmp_path / "models.lock.other").write_bytes(b"x")
    file.write_bytes(b"old")
    killed = start(code, file)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"old"
    assert len(names_in(tmp_path)) > 2
    with Transaction() as files:
        files.write(file, content)
        files.write(tmp_path / "models.lock.other", b"x")
    assert names_in(tmp_path) == ["models.lock", "models.lock.other"]
    assert file.read_bytes() == content


def test_what_a_living_program_has_staged_stays(tmp_path: Path) -> None:
    file = tmp_path / "models.lock"
    other = start(STAGED, file)
    assert other.stdout
    assert other.stdout.readline() == "staged\n"
    write_atomic(file, b"ours")
    assert len(names_in(tmp_path)) == 2
    other.communicate("go on\n")
    assert other.returncode == 0
    assert names_in(tmp_path) == ["models.lock"]
    assert file.read_bytes() == b"theirs"


def test_files_of_others_stay(tmp_path: Path) -> None:
    """Of which only one is a regular file with a name as we would give it."""
    file = tmp_path / "models.lock"
    names = [".models.lock.0123456789ag", ".models.lock.0", ".models.nix.0123456789ab", ".models.l"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".models.lock.0123456789ab").mkdir()
    (tmp_path / ".models.lock.0123456789ac").symlink_to(names[0])
    os.mkfifo(tmp_path / ".models.lock.0123456789ad")
    (tmp_path / ".models.lock.0123456789ae").write_bytes(b"")
    before = names_in(tmp_path)
    write_atomic(file, b"x")
    assert names_in(tmp_path) == sorted({*before, "models.lock"} - {".models.lock.0123456789ae"})


def test_a_directory_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, nobody knows who lives."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    leftover = tmp_path / ".f.0123456789ab"
    leftover.write_bytes(b"")
    assert write_atomic(tmp_path / "f", b"x")
    assert names_in(tmp_path) == [leftover.name, "f"]


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_LONGEST_WAIT", 0.0)
    (tmp_path / "f").write_bytes(b"old")

    def meanwhile() -> None:
        with pytest.raises(AimodelsError, match="another program is writing in") as caught:
            write_atomic(tmp_path / "f", b"theirs")
        assert caught.value.hint

    with Transaction() as files:
        files.write(tmp_path / "f", b"ours")
        files._checks.append(meanwhile)  # noqa: SLF001 (only before the renames)
    assert (tmp_path / "f").read_bytes() == b"ours"
    assert names_in(tmp_path) == ["f"]


@pytest.mark.parametrize("output", [[], ["-o", "models.nix"]])
def test_another_run_that_was_faster(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch, output: list[str]
) -> None:
    """Its pins stay, and its rendering; the next run keeps them."""
    for name in ("one", "two"):
        hub.add_repo(f"org/{name}", {"a": b""})
    models = {
        name: f'[models.{name}]\nsource.huggingface = {{ repo = "org/{name}" }}\n'
        for name in ("one", "two")
    }
    hub_project.write(models["one"])
    seen: list[dict[str, bytes]] = []

    def faster(*arguments: Any, **options: Any) -> Resolved:
        found = resolve(*arguments, **options)
        if not seen:
            seen.append({})
            hub_project.write("".join(models.values()))
            assert hub_project.run("lock", "-o", "models.nix").status == 0
            seen[0] = {n: (hub_project.dir / n).read_bytes() for n in names_in(hub_project.dir)}
        return found

    monkeypatch.setattr("aimodels_gen.cli.locking.resolve", faster)
    error = hub_project.fails("lock", *output)
    assert "models.lock was changed by another program" in error
    assert {n: (hub_project.dir / n).read_bytes() for n in names_in(hub_project.dir)} == seen[0]
    hub_project.ok("lock", "-o", "models.nix")
    assert list(hub_project.lock) == ["one", "two"]
    assert (hub_project.dir / "models.lock").read_bytes() == seen[0]["models.lock"]


def test_the_same_by_another_run_is_no_change(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("org/name", {"a": b""})
    hub_project.write(MANIFEST)
    runs = iter([1])

    def faster(*arguments: Any, **options: Any) -> Resolved:
        found = resolve(*arguments, **options)
        if next(runs, None):
            assert hub_project.run("lock", "-o", "models.nix").status == 0
        return found

    monkeypatch.setattr("aimodels_gen.cli.locking.resolve", faster)
    hub_project.ok("lock", "-o", "models.nix")
