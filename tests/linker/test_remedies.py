"""What the linker refuses, or leaves alone: the message is followed, and the next run is silent."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_linker import link_tree, lock, sync
from linker.helpers import A, add_download
from support.disk import fill, small_disk
from support.fake_repo import Repo
from support.linker import Linker
from support.remedies import cure, cures
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.linker import Run
    from support.remedies import Remedy

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users, and mounts")


@dataclass
class World:
    """A hub directory, and a model for it.

    Attributes:
        said: What was said.
        launcher: What starts the linker as another user.
    """

    linker: Linker
    entry: Callable[..., Path]
    patch: pytest.MonkeyPatch
    said: str = ""
    launcher: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.models = {A: self.entry()}

    @property
    def hub(self) -> Path:
        return self.linker.hub

    def link(self) -> Run:
        return self.linker.link(self.models, launcher=self.launcher or None)

    def but(self, **changes: object) -> None:
        self.linker = self.linker.but(**changes)  # type: ignore[arg-type]

    def types(self) -> None:
        """Run the command in the message."""
        found = re.search(r": (mv -- .+)$", self.said) or re.search(
            r"\((?:sudo )?(.+?)\)", self.said
        )
        assert found, self.said
        subprocess.run(["sh", "-euc", found[1]], check=True)

    def cache_link(self, owner: int = 65534) -> None:
        """Let the cache be a link that somebody made."""
        (self.linker.root / "data").mkdir()
        self.hub.parent.rmdir()
        self.hub.parent.symlink_to(self.linker.root / "data")
        os.lchown(self.hub.parent, owner, owner)

    def directory_mode(self) -> Path:
        self.but(mode="directory")
        assert self.link().err == []
        return self.hub / A


def crowded(world: World) -> None:
    world.patch.setattr(link_tree, "_MAX_FOREIGN", 100)
    world.patch.setattr(link_tree, "_MAX_VERSIONS", 1)
    directory = world.directory_mode()
    for number in range(300):
        (directory / f"blobs/{number}").touch()
    world.models = {A: world.entry("a", {"new.json": b"{}"})}


def large_ref(world: World) -> None:
    world.but(mode="directory")
    world.patch.setattr(link_tree, "_MAX_SIZE", 3)


def no_entry(world: World) -> None:
    world.but(mode="directory")
    path = world.linker.store / "0-no-entry"
    path.mkdir(parents=True)
    world.models = {A: path}


def stays(world: World) -> None:
    add_download(world.directory_mode(), "1" * 40, "new.json", b"{}")
    world.but(mode="link")


def in_the_way(world: World) -> None:
    directory = world.directory_mode()
    (snapshot,) = (directory / "snapshots").iterdir()
    link = next(snapshot.iterdir())
    link.unlink()
    link.mkdir()


LEFT = (
    "… is … that this program has not made. It is left alone…, and the model … of … is not there. To "
    "link the model, move it away and activate again: …"
)
STAYS = (
    "… has downloads in it, and stays a directory of links to the model … of …. To make it one link, "
    "move it away and activate again: …"
)
WRITABLE = (
    "… is not mounted read-only. When `main` has moved, programs that run as root and go online "
    "write through the links and damage the models in it. Set `….offline = true`, or `….mode = "
    '"directory"`'
)
IN_THE_WAY = (
    "… is …, where … needs something else. It is left alone. Move it away and activate again: …"
)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure("…, or configure the directory that it leads to", World.cache_link, lambda w: os.lchown(w.hub.parent, 0, 0)),
        cure(
            "…, or configure the directory that it leads to",
            World.cache_link,
            lambda w: w.but(hub=w.linker.root / "data/hub", state=w.linker.root / "data/state"),
        ),
        cure("move it away, and activate again", lambda w: w.linker.state.mkdir(), lambda w: w.linker.state.rename(w.linker.root / "away")),
        cure("use a path that fetchModel built", no_entry, lambda w: w.models.update({A: w.entry()})),
        cure('set `mode = "link"`', large_ref, lambda w: w.but(mode="link")),
        cure("move it away and activate again: …", lambda w: w.hub.write_text(""), World.types),
        cure("move it away, and activate again: …", crowded, World.types),
        cure(
            "check what is there, and activate again",
            lambda w: w.but(hub=w.hub.parent / ("h" * 300)),
            lambda w: w.but(hub=w.hub.parent / "hub"),
        ),
        cure(LEFT, lambda w: (w.hub / A).mkdir(parents=True), World.types),
        cure(LEFT, lambda w: (w.hub.mkdir(), (w.hub / A).symlink_to("/data")), World.types),
        cure(STAYS, stays, World.types),
        cure(IN_THE_WAY, in_the_way, World.types),
        cure(WRITABLE, lambda w: w.but(offline=False), lambda w: w.but(offline=True)),
        cure(WRITABLE, lambda w: w.but(offline=False), lambda w: w.but(mode="directory")),
    ],
)  # fmt: skip
def test_a_message(  # noqa: PLR0913, PLR0917 (fixtures)
    linker: Linker,
    entry: Callable[..., Path],
    remedy: Remedy,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[World], object],
    mended: Callable[[World], object],
) -> None:
    world = World(linker, entry, monkeypatch)
    broken(world)
    world.said = "\n".join(world.link().err)
    remedy(world.said)
    mended(world)
    done = world.link()
    assert (done.status, done.err) == (0, [])


@cures("allow it (sudo chmod a+x -- …)")
def test_a_directory_that_is_closed(
    entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, as nobody: Python may be where nobody else can read it."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        root.chmod(0o755)
        inner = root / "closed/cache"
        inner.mkdir(parents=True)
        os.chown(inner, 65534, 65534)
        linker = Linker(root).but(hub=inner / "hub", state=inner / "state")
        repo = Repo("org/a")
        repo.commit({"a": b"{}"})
        world = World(linker, entry, monkeypatch)
        spec = linker.spec({A: linker.entry(repo)})
        inner.parent.chmod(0o700)

        def link() -> Run:
            os.setresuid(65534, 65534, 0)
            try:
                return linker.run("link", spec)
            finally:
                os.setresuid(0, 0, 0)

        world.said = "\n".join(link().err)
        remedy(world.said)
        world.types()
        assert link().err == []


@cures("allow it (chmod u+rwx -- …)")
def test_a_directory_without_rights(
    linker: Linker, entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(linker, entry, monkeypatch, launcher=prefix())
    linker.hub.mkdir()
    for directory in (linker.root / "cache", linker.hub):
        os.chown(directory, 65534, 65534)
    linker.hub.chmod(0o555)
    world.said = "\n".join(world.link().err)
    remedy(world.said)
    world.types()
    assert world.link().err == []


@cures("allow it there")
def test_a_file_system_that_refuses(
    linker: Linker, entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {A: entry()}

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as refused:
        refused.setattr(os, "symlink", refuse)
        remedy("\n".join(linker.link(models).err))
    assert linker.link(models).err == []


@cures("make it (…)", "change the owner (sudo chown … -- …)")
def test_commands_of_root(
    linker: Linker, entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is run once, after which the next one is needed, or none."""
    world = World(linker, entry, monkeypatch, launcher=prefix())
    for number in range(2):
        world.said = ""
        while (done := world.link()).status != 0:
            assert done.err[0] != world.said
            world.said = done.err[0]
            remedy(world.said)
            world.types()
        # And once more with a directory that root has made.
        (linker.root / "cache").rename(linker.root / f"old-{number}")
        linker.hub.mkdir(parents=True)


@cures("…, or choose another directory in …")
@pytest.mark.parametrize("chooses", [True, False])
def test_a_cache_of_another_user(
    linker: Linker,
    entry: Callable[..., Path],
    remedy: Remedy,
    monkeypatch: pytest.MonkeyPatch,
    chooses: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    world = World(linker, entry, monkeypatch, launcher=prefix())
    for _ in range(3):
        done = world.link()
        if done.status == 0:
            break
        world.said = "\n".join(done.err)
        remedy(world.said)
        if chooses:
            own = linker.root / "own"
            own.mkdir(exist_ok=True)
            os.chown(own, 65534, 65534)
            world.but(hub=own / "hub", state=own / "state")
        else:
            world.types()
    assert world.link().err == []


@cures("free some space (nix-collect-garbage -d), and activate again")
def test_a_full_disk(linker: Linker, entry: Callable[..., Path], remedy: Remedy) -> None:
    models = {A: entry()}
    with small_disk(linker.root / "cache", 64 << 10) as disk:
        linker.hub.mkdir()
        fill(disk)
        remedy("\n".join(linker.link(models).err))
        (disk / "filler").unlink()
        assert linker.link(models).err == []


@cures("make it writable, or choose another directory in …")
def test_a_read_only_disk(linker: Linker, entry: Callable[..., Path], remedy: Remedy) -> None:
    models = {A: entry()}
    with small_disk(linker.root / "cache", 64 << 10) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        remedy("\n".join(linker.link(models).err))
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert linker.link(models).err == []


@cures("end it (fuser -v … shows it), and activate again")
def test_another_run_does_not_end(
    linker: Linker, entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command shows the process."""
    monkeypatch.setattr(lock, "_PATIENCE", 0.2)
    models = {A: entry()}
    assert linker.link(models).err == []
    path = linker.root / "lock/nix-ai-models.lock"
    code = f"import fcntl, time; f = open({str(path)!r}, 'r+'); fcntl.flock(f, 2); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout
            other.stdout.readline()
            said = linker.link(models).err[-1]
            remedy(said)
            command = re.search(r"\((fuser .+) shows it\)", said)
            assert command
            shown = subprocess.run(
                ["sh", "-c", command[1]], check=False, capture_output=True, text=True
            )
            assert str(other.pid) in shown.stdout + shown.stderr
        finally:
            other.kill()
    time.sleep(0.1)
    assert linker.link(models).err == []


@cures("report this line at https://github.com/nix-ai-models/nix-ai-models/issues")
def test_a_mistake_of_ours(
    linker: Linker, entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which a later release does not make."""

    def fail(*_arguments: object) -> None:
        raise AssertionError("a mistake of ours")

    models = {A: entry()}
    with monkeypatch.context() as broken:
        broken.setattr(sync, "read_state", fail)
        remedy(linker.link(models).err[0])
    assert linker.link(models).err == []


@cures(
    "pass the path of a file that the module has written",
    "use nix/ and its linker from the same release",
)
def test_specs(linker: Linker, entry: Callable[..., Path], remedy: Remedy) -> None:
    remedy(linker.run("link", "/nonexistent").err[0])
    spec = linker.spec({A: entry()})
    text = spec.read_text()
    spec.write_text(json.dumps({**json.loads(text), "version": 2}))
    remedy(linker.run("link", spec).err[0])
    spec.write_text(text)
    assert linker.run("link", spec).err == []


@cures("unset it, or let systemd set it")
def test_a_directory_of_systemd(
    linker: Linker, entry: Callable[..., Path], remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {A: entry()}
    monkeypatch.setenv("RUNTIME_DIRECTORY", "relative")
    remedy("\n".join(linker.link(models).err))
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    assert linker.link(models).err == []
