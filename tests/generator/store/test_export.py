"""What `export` writes to a disk, and what it leaves there."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from aimodels_gen.store import export as exporting
from generator.disks import TREE, Disk
from generator.stores import FILES, LFS, MANIFEST, MIB, README, collect_garbage, content
from support import disk as disks
from support.fake_repo import BigFile
from support.hub import Response
from support.remedies import cures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

OTHER = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'


@pytest.fixture
def disk(nix_store: NixEnv, tmp_path: Path) -> Disk:
    """The disk is mounted where its name has a space and a quote."""
    return Disk(tmp_path / "Bob's disk" / "models", nix_store)


@pytest.fixture
def fat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system that is taken for FAT, which not all machines have."""
    monkeypatch.setattr(exporting, "_FAT", ("tmpfs",))
    monkeypatch.setattr(exporting, "_MOST_FAT", 4 * MIB)
    with disks.small_disk(tmp_path / "fat", 64 * MIB) as fat:
        yield fat


@pytest.fixture
def host_disk(host_store: NixEnv, repo: Repo, hub_project: Project, tmp_path: Path) -> Disk:
    """The same for one Nix, and a model that is locked."""
    assert repo
    hub_project.ok("lock", "-o", "models.nix")
    return Disk(tmp_path / "disk", host_store)


@cures("on the other machine, run: sh …")
def test_another_machine_takes_the_models(
    hub_project: Project, hub: Hub, repo: Repo, disk: Disk, remedy: Remedy
) -> None:
    hub_project.write(TREE + '[output]\nfile = "nix/models.nix"\n')
    (hub_project.dir / "nix").mkdir()
    hub_project.ok("lock")
    report = disk.fill(hub_project)
    schema = json.loads(hub_project.ok("schema", "export"))
    assert not list(Draft202012Validator(schema).iter_errors(report))
    assert report["written"]["paths"] == 3
    on_disk = list(disk.directory.rglob("*"))
    assert not [path for path in on_disk if path.is_symlink()]
    disk.check_sums()
    for name in ("models.toml", "models.lock", "nix/models.nix"):
        assert (disk.directory / name).read_bytes() == (hub_project.dir / name).read_bytes()
    # As FAT shows them.
    for path in on_disk:
        path.chmod(0o755)
    collect_garbage(disk.nix)
    (command,) = remedy(hub_project.run("export", "--to", str(disk.directory)).err)
    assert command == shlex.quote(str(disk.directory / "import.sh"))
    assert len(disk.missing()) == 3
    assert "3 of 3 paths were added" in disk.ok()
    assert not disk.missing()
    assert "0 of 3 paths were added; the others were there" in disk.ok()
    hub.clear()
    hub_project.ok("verify", "--store", "-m", str(disk.directory / "models.toml"))
    assert content(hub) == 0
    assert repo


def test_names_that_few_file_systems_have(hub_project: Project, hub: Hub, disk: Disk) -> None:
    """Trees have any, and store paths have some that FAT refuses or changes."""
    files: dict[str, Content] = {
        "what?.bin": b"a question",
        "end.": b"a dot",
        "Model.bin": b"upper",
        "model.bin": b"lower",
        "two words/line\nbreak \\ %s \u2028ü.txt": b"odd",
        "two words/empty.txt": b"",
    }
    hub.add_repo("org/name", files, lfs=["*.bin", "end."])
    plain = '[models.plain]\nsource.huggingface = { repo = "org/name" }\npin = "tree"\n'
    hub_project.write(TREE + plain + "integration.huggingface.enable = false\n")
    hub_project.ok("lock")
    disk.fill(hub_project)
    names = [str(path.relative_to(disk.directory)) for path in disk.directory.rglob("*")]
    assert len({name.lower() for name in names}) == len(names)
    assert not [name for name in names if re.search(r'[\x00-\x1f\\:*?"<>|]|[. ](/|$)', name)]
    disk.check_sums()
    collect_garbage(disk.nix)
    assert "7 of 7 paths were added" in disk.ok()
    assert not disk.missing()
    collect_garbage(disk.nix)
    hub.clear()
    hub_project.ok("import", "--from", str(disk.directory))
    assert not disk.missing()
    assert not hub.log


def test_only_what_is_new_is_written(
    hub_project: Project, hub: Hub, repo: Repo, host_disk: Disk
) -> None:
    """What the disk has need not be in the store; old models stay until they are pruned."""
    disk = host_disk
    assert disk.fill(hub_project)["written"] == {"paths": 2, "bytes": sum(map(len, FILES.values()))}
    weights = disk.file("model.safetensors")
    before = weights.stat()
    disk.check_sums()
    # What desktops leave on disks.
    hidden = (weights.with_name("._model.safetensors"), disk.file("bundle") / ".DS_Store")
    for path in hidden:
        path.write_bytes(b"hidden")
    assert disk.fill(hub_project)["written"]["paths"] == 0
    assert len(disk.paths()) == 2
    for path in hidden:
        path.unlink()
    repo.commit({**FILES, "README.md": README})
    hub_project.ok("update", "-o", "models.nix")
    collect_garbage(disk.nix)
    content(hub)
    dry = disk.fill(hub_project, "--dry-run", "--prune")
    assert dry["dryRun"]
    assert dry["pruned"]["paths"] == dry["written"]["paths"] == 1
    assert disk.fill(hub_project)["written"]["paths"] == 1
    assert content(hub) < MIB
    assert weights.stat().st_mtime_ns == before.st_mtime_ns
    assert len(disk.paths()) == 3
    disk.check_sums()
    assert disk.fill(hub_project, "--prune")["pruned"]["paths"] == 1
    assert len(disk.paths()) == 2
    assert len(list((disk.directory / "files").iterdir())) == 2
    disk.check_sums()
    assert "1 of 2 paths were added" in disk.ok()


def test_models_are_named(hub_project: Project, hub: Hub, host_disk: Disk) -> None:
    """Those that are not named stay on the disk."""
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER)
    hub_project.ok("lock", "-o", "models.nix")
    host_disk.fill(hub_project, "m")
    assert "other" not in (host_disk.directory / "README.txt").read_text()
    report = host_disk.fill(hub_project, "other", "--prune")
    assert report["pruned"]["paths"] == 0
    assert len(host_disk.paths()) == 3
    assert "  other  1.0 MiB  org/other" in (host_disk.directory / "README.txt").read_text()


def test_an_export_that_is_killed_goes_on(hub_project: Project, hub: Hub, host_disk: Disk) -> None:
    disk = host_disk
    size = 32 * MIB
    hub.add_repo("org/other", {"other.safetensors": BigFile(size, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER)
    hub_project.ok("lock", "--prefetch", "-o", "models.nix")
    command = [sys.executable, "-m", "aimodels_gen", "export", "--to", str(disk.directory)]
    running = subprocess.Popen(command, cwd=hub_project.dir, env=hub_project.environment())
    while running.poll() is None:
        parts = list(disk.directory.glob("files/*/other*%.part"))
        if parts and parts[0].stat().st_size > 2 * MIB:
            running.send_signal(signal.SIGKILL)
        time.sleep(0.001)
    assert running.wait() == -signal.SIGKILL
    (part,) = disk.directory.glob("files/*/other*%.part")
    kept = part.stat()
    with part.open("r+b") as file:  # as where the disk was pulled out
        file.seek(-MIB, os.SEEK_END)
        file.write(bytes(MIB))
    hub.clear()
    assert disk.fill(hub_project)["written"]["paths"] >= 1
    other = disk.file("other.safetensors")
    assert (other.stat().st_ino, other.stat().st_size) == (kept.st_ino, size)
    disk.check_sums()
    assert not list(disk.directory.glob("files/*/*%.part"))
    assert "3 of 3" in disk.ok() or not disk.missing()


def test_what_another_run_has_begun_and_nobody_pins_is_removed(
    hub_project: Project, host_disk: Disk
) -> None:
    old = host_disk.directory / "files" / ("a" * 32)
    (old / "bundle%.part").mkdir(parents=True)
    (old / "bundle%.part" / ("b" * 64)).write_bytes(b"half")
    (old / "model%.part").write_bytes(b"half")
    tree = host_disk.directory / "files" / ("b" * 32)
    tree.mkdir()
    (tree / "%layout").write_text("")
    host_disk.fill(hub_project)
    assert not old.exists()
    assert not tree.exists()
    assert len(host_disk.paths()) == 2


@cures("run `aimodels-gen verify --store`, which says how to repair it")
def test_what_is_damaged_in_the_store_is_not_exported(
    hub_project: Project, host_disk: Disk, remedy: Remedy
) -> None:
    disk = host_disk
    hub_project.ok("prefetch")
    (path,) = disk.nix.store.glob("*-model.safetensors")
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"damage")
    failed = hub_project.run("export", "--to", str(disk.directory), "--json")
    assert failed.status == 1
    assert "is damaged: its hash is " in failed.err
    assert not list(disk.directory.glob("files/*/model.safetensors*"))
    disk.check_sums()
    assert len(disk.paths()) == 1
    remedy(failed.err)
    said = hub_project.run("verify", "--store").err + hub_project.run("verify", "--store").out
    (commands,) = set(re.findall(r"`(nix-store --delete [^`]+)`", said))
    disk.nix.run("sh", "-c", commands.partition(" && ")[0])
    assert disk.fill(hub_project)["written"]["paths"] == 1


@cures("use a larger disk, name fewer models, or remove old ones with --prune")
def test_room_is_looked_at_before(
    hub_project: Project, hub: Hub, host_disk: Disk, tmp_path: Path, remedy: Remedy
) -> None:
    with disks.small_disk(tmp_path / "small", 5 * MIB) as small:
        disk = Disk(small / "models", host_disk.nix)
        (small / "mine").write_bytes(bytes(3 * MIB))
        content(hub)
        said = hub_project.fails("export", "--to", str(disk.directory))
        assert "does not have enough room: 4.0 MiB are needed, 2.0 MiB are free" in said
        assert content(hub) == 0
        assert not disk.directory.exists()
        remedy(said)
        (small / "mine").unlink()
        assert disk.fill(hub_project)["written"]["paths"] == 2
        # Of another revision, in the place of the first.
        hub.add_repo("org/name", {"new.safetensors": BigFile(2 * MIB, seed=3)}, lfs=LFS)
        hub_project.ok("update", "-o", "models.nix")
        remedy(hub_project.fails("export", "--to", str(disk.directory)))
        assert disk.fill(hub_project, "--prune")["pruned"]["paths"] == 2
        assert disk.file("new.safetensors")


@cures(
    "free some space there, or name fewer models; then run `…` again, which continues",
)
def test_a_disk_that_is_full_meanwhile(
    hub_project: Project, hub: Hub, host_disk: Disk, tmp_path: Path, remedy: Remedy
) -> None:
    with disks.small_disk(tmp_path / "small", 8 * MIB) as small:
        disk = Disk(small / "models", host_disk.nix)

        def fill(request: Any) -> Response | None:
            if "/cdn/" in request.path and not (small / "filler").exists():
                (small / "filler").write_bytes(bytes(6 * MIB))
            return None

        hub.faults = fill
        failed = hub_project.run("export", "--to", str(disk.directory))
        assert failed.status == 1
        said = failed.err
        assert "models is full: model.safetensors does not fit" in said
        remedy(said)
        (small / "filler").unlink()
        hub.clear()
        hub_project.follow(said)
        assert content(hub) == 0
        disk.check_sums()


@cures("format the disk with exFAT or ext4, or raise the limit with `ulimit -f unlimited`")
def test_a_disk_that_takes_no_large_files(
    hub_project: Project, host_disk: Disk, remedy: Remedy
) -> None:
    hub_project.ok("prefetch")

    def limited(most: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aimodels_gen", "export", "--to", host_disk.directory],
            check=False,
            cwd=hub_project.dir,
            env=hub_project.environment(),
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        )

    failed = limited(2 * MIB)
    assert failed.returncode == 1
    assert "takes no file as large as model.safetensors: File too large" in failed.stderr
    remedy(failed.stderr)
    assert limited(-1).returncode == 0
    host_disk.check_sums()


@cures("format the disk with exFAT or ext4, or name models with smaller files")
def test_fat_is_named_before_anything_is_written(
    hub_project: Project, hub: Hub, host_disk: Disk, fat: Path, remedy: Remedy
) -> None:
    hub.add_repo("org/other", {"other.safetensors": BigFile(5 * MIB, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER)
    hub_project.ok("lock", "-o", "models.nix")
    content(hub)
    said = hub_project.fails("export", "--to", str(fat / "new"), "--dry-run")
    assert "is on a FAT file system, which cannot hold files over 4 GiB: " in said
    assert "other.safetensors has 5.0 MiB" in said
    remedy(said)
    assert content(hub) == 0
    assert Disk(fat / "new", host_disk.nix).fill(hub_project, "m")["written"]["paths"] == 2


@cures("name an empty directory, or a new one: --to DIR")
def test_files_of_others_stay(hub_project: Project, host_disk: Disk, remedy: Remedy) -> None:
    before = hub_project.lock_file.read_bytes()
    said = hub_project.fails("export", "--to", str(hub_project.dir))
    assert "models.lock is not of an export, and would be replaced" in said
    remedy(said)
    assert hub_project.lock_file.read_bytes() == before
    host_disk.directory.mkdir()
    (host_disk.directory / "README.txt").write_text("mine")
    remedy(hub_project.fails("export", "--to", str(host_disk.directory)))
    assert (host_disk.directory / "README.txt").read_text() == "mine"
    (host_disk.directory / "README.txt").rename(host_disk.directory / "mine.txt")
    host_disk.fill(hub_project)
    assert (host_disk.directory / "mine.txt").read_text() == "mine"


@cures("name a directory with --to")
def test_a_file_is_no_directory(hub_project: Project, host_disk: Disk, remedy: Remedy) -> None:
    host_disk.directory.write_text("mine")
    remedy(hub_project.fails("export", "--to", str(host_disk.directory)))
    host_disk.directory.unlink()
    host_disk.fill(hub_project)


@cures("wait for it, then run `…` again")
def test_two_exports_to_one_disk(hub_project: Project, host_disk: Disk, remedy: Remedy) -> None:
    with exporting.alone(host_disk.directory):
        said = hub_project.fails("export", "--to", str(host_disk.directory))
    assert "another `aimodels-gen export` is writing to " in said
    remedy(said)
    hub_project.ok("export", "--to", str(host_disk.directory))


def test_other_models_are_exported_when_one_fails(
    hub_project: Project, hub: Hub, host_disk: Disk
) -> None:
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER)
    hub_project.ok("lock", "-o", "models.nix")
    hub.faults = lambda request: Response(404) if "/org/other/resolve" in request.path else None
    done = hub_project.run("export", "--to", str(host_disk.directory))
    assert done.status == 1
    assert "error: other: " in done.err
    assert "1 path missing" in done.err
    assert len(host_disk.paths()) == 2
    host_disk.check_sums()
