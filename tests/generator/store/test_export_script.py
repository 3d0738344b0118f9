"""The script on a disk of `export`: what it adds to a store, and what it says of the rest."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from generator.disks import TREE, Disk
from generator.stores import LFS, MANIFEST, MIB, collect_garbage
from support import disk as disks
from support.fake_repo import BigFile
from support.unprivileged import prefix

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project


@pytest.fixture
def disk(hub_project: Project, host_store: NixEnv, repo: Repo, tmp_path: Path) -> Disk:
    """A disk with a model and a tree, on a machine that has neither."""
    assert repo
    hub_project.write(TREE)
    hub_project.ok("lock", "-o", "models.nix")
    found = Disk(tmp_path / "disk", host_store)
    found.fill(hub_project)
    collect_garbage(host_store)
    return found


def test_any_shell_runs_it(disk: Disk) -> None:
    for shell in ("bash --posix", "busybox sh", "dash"):
        if shutil.which(shell.split(maxsplit=1)[0]):
            assert "3 of 3 paths were added" in disk.ok(interpreter=shell)
            assert not disk.missing()
            collect_garbage(disk.nix)


def test_paths_are_kept_from_garbage_collection(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are there; the script is run in its directory."""
    monkeypatch.chdir(disk.directory)
    paths, sums = disk.directory / "paths.txt", disk.directory / "SHA256SUMS"
    every = paths.read_text()
    paths.write_text(every.splitlines(keepends=True)[0])
    sums.rename(disk.directory / "sums")
    disk.ok()
    paths.write_text(every)
    (disk.directory / "sums").rename(sums)
    done = subprocess.run(["sh", "import.sh", "--root", "../roots"], check=False)
    assert done.returncode == 0
    collect_garbage(disk.nix)
    assert not disk.missing()
    roots = disk.directory.parent / "roots"
    assert {str(root.readlink()) for root in roots.iterdir()} == set(disk.paths())
    assert "0 of 3 paths" in disk.ok(f"--root={roots}")


def test_damage_is_named_and_the_rest_is_added(hub_project: Project, disk: Disk) -> None:
    weights, bundle = disk.file("model.safetensors"), disk.file("bundle")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"?")
    next(bundle.iterdir()).write_bytes(b"?")
    said = disk.fails()
    names = [path.relative_to(disk.directory) for path in (weights, bundle)]
    for name in names:
        assert f"error: {name} is damaged: it has not the content that was exported\n" in said
    assert "error: 2 of 3 paths could not be added\n" in said
    assert len(disk.missing()) == 2
    # Nothing else is left of them.
    found = {path.name[33:] for path in disk.nix.store.iterdir() if path.name[:1] != "."}
    assert {name for name in found if "tree" not in name and name != "-"} == set()

    weights.write_bytes(content[:-1])
    assert f"{names[0]} is damaged: it has {len(content) - 1} bytes, not {len(content)}" in (
        disk.fails()
    )
    weights.unlink()
    assert f"{names[0]} is not on this disk" in disk.fails()
    weights.mkdir()
    assert f"{names[0]} cannot be read" in disk.fails()
    weights.rmdir()
    # As the hint says.
    shutil.rmtree(bundle)
    hub_project.ok("export", "--to", str(disk.directory))
    assert "2 of 3" in disk.ok() or not disk.missing()


def test_a_layout_that_is_damaged(disk: Disk, hub_project: Project) -> None:
    layout = next(disk.directory.glob("files/*/%layout"))
    before = layout.read_text()
    for damage in ("file ../../../x ../../../x", "file - x", "odd a b", "link / ../x"):
        layout.write_text(f"{before}{damage}\n")
        assert "cannot be read, or is damaged" in disk.fails()
        assert len(disk.missing()) == 1
        done = hub_project.run("import", "tree", "--from", str(disk.directory))
        assert "warning: tree: " in done.err
        assert "is left out: " in done.err
    assert not list(disk.directory.parent.glob("aimodels-import.*"))
    # A link that leads away, and a file behind it.
    outside = disk.directory.parent / "outside"
    outside.mkdir()
    blob = next(line for line in before.splitlines() if line.startswith("file ")).split()[1]
    layout.write_text(f"link {outside} a\nfile {blob} a/b\n")
    done = hub_project.run("import", "tree", "--from", str(disk.directory))
    assert "is left out: " in done.err
    assert not list(outside.iterdir())
    layout.write_text(before)
    hub_project.ok("import", "tree", "--from", str(disk.directory))
    assert not disk.missing()


def test_lists_that_are_damaged_or_lost(disk: Disk) -> None:
    paths = disk.directory / "paths.txt"
    before = paths.read_text()
    for damage in (before[:-1], before.replace("flat ", "flat x")):
        paths.write_text(damage)
        assert "error: paths.txt is damaged\nhint: delete what is damaged" in disk.fails()
    (disk.directory / "SHA256SUMS").unlink()
    assert "error: paths.txt is damaged\n" in disk.fails()
    paths.unlink()
    assert "there is no paths.txt in " in disk.fails()


def test_machines_that_cannot_take_it(disk: Disk, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "cat", "sha256sum"):
        (programs / name).symlink_to(shutil.which(name) or "")
    said = disk.fails(PATH=str(programs))
    assert said.startswith("error: there is no nix-store on PATH\nhint: install Nix, or add it")
    other = str(tmp_path / "other" / "store")
    said = disk.fails(NIX_STORE_DIR=other, NIX_STATE_DIR=str(tmp_path / "other" / "var"))
    assert f"error: the store of this machine is {other}, not {disk.nix.store}\nhint: " in said
    assert "there is no argument --frob" in disk.fails("--frob", status=2)
    assert "--root needs a directory" in disk.fails("--root", status=2)
    assert disk.run("--help").stdout.startswith("Usage: sh import.sh [--root DIR]\n")


def test_a_store_without_room(disk: Disk) -> None:
    """It says so before it starts; and where another program fills the disk meanwhile."""
    store = disk.nix.store
    with disks.small_disk(store, 4 * MIB):
        said = disk.fails()
        assert "error: " in said
        assert "does not have enough room: 6 MiB are needed, " in said
        assert "hint: free some space (nix-collect-garbage -d), then run this again" in said
    lines = (disk.directory / "paths.txt").read_text().splitlines(keepends=True)
    flat = [line for line in lines if line.startswith("flat")]
    (disk.directory / "paths.txt").write_text("".join(flat))
    (disk.directory / "SHA256SUMS").unlink()
    with disks.small_disk(store, 8 * MIB):
        # The disk seems to have room: only Nix sees that it is full.
        (disk.directory.parent / "df").write_text("#!/bin/sh\necho\necho none 9 9 99999999 9 /\n")
        (disk.directory.parent / "df").chmod(0o755)
        (store / "filler").write_bytes(bytes(6 * MIB))
        said = disk.fails(PATH=f"{disk.directory.parent}:{os.environ['PATH']}")
        assert "error: the store is full: model.safetensors could not be added to " in said
        assert "then run this again: it continues" in said
        (store / "filler").unlink()
        disk.ok()
        assert not disk.missing()


def test_a_relative_directory_for_trees(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(disk.directory.parent)
    done = disk.run(TMPDIR=".")
    assert done.returncode == 0, done.stderr
    assert not disk.missing()


def test_a_directory_for_trees_without_room(disk: Disk) -> None:
    with disks.small_disk(disk.directory.parent / "tmp", MIB) as small:
        said = disk.fails(TMPDIR=str(small))
    assert re.search(r"tmp/\S+ does not have enough room: 3 MiB are needed, \d MiB are free", said)
    assert "hint: set TMPDIR to a directory with more room, such as TMPDIR=/var/tmp" in said


def test_an_import_that_is_interrupted_goes_on(hub_project: Project, hub: Hub, disk: Disk) -> None:
    files: dict[str, Content] = {
        f"{number}.safetensors": BigFile(12 * MIB, seed=number) for number in range(6)
    }
    hub.add_repo("org/name", files, lfs=LFS)
    hub_project.ok("update", "m", "-o", "models.nix")
    disk.fill(hub_project, "m")
    collect_garbage(disk.nix)
    running = subprocess.Popen(
        ["sh", disk.directory / "import.sh"],
        env={**os.environ, "TMPDIR": str(disk.directory.parent)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while running.poll() is None and len(list(disk.nix.store.glob("*.safetensors"))) < 2:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait() in {130, -signal.SIGINT}
    assert not list(disk.directory.parent.glob("aimodels-import.*"))
    left = len(disk.missing())
    assert 0 < left < len(disk.paths())
    assert f"{left} of {len(disk.paths())} paths were added" in disk.ok()


def test_many_files_are_added_together(hub_project: Project, hub: Hub, disk: Disk) -> None:
    hub.add_repo("org/name", {f"{n}.bin": b"%d" % n for n in range(120)}, lfs=["*"])
    hub_project.write(MANIFEST)
    hub_project.ok("update", "-o", "models.nix")
    disk.fill(hub_project, "--prune")
    collect_garbage(disk.nix)
    log = disk.directory.parent / "log"
    programs = disk.directory.parent / "programs"
    programs.mkdir()
    for name in ("nix-instantiate", "nix-store"):
        (programs / name).write_text(
            f'#!/bin/sh\necho {name} >>{log}\nexec {shutil.which(name)} "$@"\n'
        )
        (programs / name).chmod(0o755)
    done = disk.run(PATH=f"{programs}:{os.environ['PATH']}")
    assert "120 of 120 paths were added" in done.stderr
    assert len(log.read_text().splitlines()) <= 6
    assert not disk.missing()


def test_another_user_reads_the_disk(disk: Disk) -> None:
    """It is read only for them, and so are the files of the store."""
    for path in (disk.directory, *disk.directory.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [*prefix(), "sha256sum", "--check", "--quiet", "SHA256SUMS"],
        check=False,
        cwd=disk.directory,
    )
    assert done.returncode == 0
    disk.ok()
    assert not disk.missing()
