"""What the machine refuses: the command in the hint is run, and the same command succeeds."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from support.disk import small_disk
from support.remedies import cure, cures
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Hub
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
STRANGER = 54321  # of whom the machine knows nothing, and who runs nothing else
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
# Takes the files that a shell's limit allows, up to 50.
CROWDED = """
import os, sys
from aimodels_gen import cli
import aimodels_gen.cli.lock, aimodels_gen.cli.failures
taken = []
try:
    while len(taken) < 50:
        taken.append(os.dup(0))
except OSError:
    pass
sys.exit(cli.run(["lock"]))
"""
LOCK = '"$0" -m aimodels_gen lock'


def shell(project: Project, line: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, "bash", "-uc", line, sys.executable, CROWDED],
        cwd=project.dir,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        cure("raise the limit on open files with `ulimit -n 4096`, or …", "ulimit -S -n 40", '"$0" -c "$1"'),
        cure(
            "raise the limit on the size of files with `ulimit -f unlimited`, or write to another file system",
            "ulimit -S -f 0; trap '' XFSZ",
            LOCK,
        ),
        cure("write the output to a file or a pipe", "", f"{LOCK} >&-"),
    ],
)  # fmt: skip
def test_limits_of_a_shell(project: Project, remedy: Remedy, limit: str, line: str) -> None:
    project.write("")
    remedy(shell(project, f"{limit}\n{line}").stderr)
    for command in remedy.commands or ["true"]:
        done = shell(project, f"{limit}\n{command}\n{line.removesuffix(' >&-')}")
        assert done.returncode == 0, done.stderr


@cures("end other programs, or raise the limit with `ulimit -v unlimited`")
def test_the_limit_on_memory(project: Project, remedy: Remedy) -> None:
    project.write("")
    code = (
        "import aimodels_gen.cli as cli; cli.run(['lock']);"
        " print(open('/proc/self/status').read().split('VmPeak:')[1].split()[0])"
    )
    usual = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.dir, env=project.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    project.write("# " + "x" * (15 << 20))
    limit = f"ulimit -S -v {int(usual.stdout.split()[-1]) + (12 << 10)}"
    remedy(shell(project, f"{limit}\n{LOCK}").stderr)
    (command,) = remedy.commands
    done = shell(project, f"{limit}\n{command}\n{LOCK}")
    assert done.returncode == 0, done.stderr


@AS_ROOT
@cures("check who owns the file and its directory")
def test_a_directory_of_somebody_else(project: Project, remedy: Remedy) -> None:
    project.write("")
    remedy(shell(project, LOCK, *prefix()).stderr)
    os.chown(project.dir, 65534, 65534)
    done = shell(project, LOCK, *prefix())
    assert done.returncode == 0, done.stderr


@cures("name a regular file")
def test_a_device(project: Project, remedy: Remedy, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("")
    opened = os.open

    def no_device(path: str, *args: int, **options: int) -> int:
        if str(path) == "device.toml":
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), "device.toml")
        return opened(path, *args, **options)

    monkeypatch.setattr(os, "open", no_device)
    (project.dir / "device.toml").touch()
    remedy(project.fails("lock", "-m", "device.toml"))
    project.ok("lock", "-m", "models.toml")


@pytest.fixture
def disk(project: Project) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root mounts file systems")
    project.write("")
    with small_disk(project.dir / "disk", 8 << 10) as disk:
        yield disk


def read_only(disk: Path, *, yes: bool = True) -> None:
    how = "remount,ro" if yes else "remount,rw"
    subprocess.run(["mount", "-o", how, disk], check=True)


@cures("free some space (nix-collect-garbage -d); TMPDIR names another place for temporary files")
def test_a_full_disk(project: Project, remedy: Remedy, disk: Path) -> None:
    garbage = disk / "garbage"
    garbage.write_bytes(b"x" * (8 << 10))
    remedy(project.fails("lock", "-o", "disk/models.nix"))
    garbage.unlink()
    project.ok("lock", "-o", "disk/models.nix")


@cures("write to another directory: this one is on a read-only file system")
def test_a_read_only_disk(project: Project, remedy: Remedy, disk: Path) -> None:
    read_only(disk)
    remedy(project.fails("lock", "-o", "disk/models.nix"))
    project.ok("lock", "-o", "models.nix")


@pytest.mark.parametrize(
    "error",
    [
        cure("end other programs, or …", OSError(errno.ENFILE, "Too many")),
        cure("check the disk: `dmesg` says what is wrong with it", OSError(errno.EIO, "I/O error")),
        cure("mount the network file system again", OSError(errno.ESTALE, "Stale")),
        cure("check the path, and whether its file system allows this", OSError(errno.EINVAL, "?")),
        cure("run it again with AIMODELS_DEBUG=1 and report what it prints", ZeroDivisionError()),
        cure("set HOME", RuntimeError("Could not determine home directory.")),
        cure("rename the file, or save it as UTF-8", UnicodeError("surrogates not allowed")),
        cure("check models.toml and models.lock, and that the server is the right one", RecursionError()),
    ],
)  # fmt: skip
def test_what_no_test_brings_about(
    project: Project, remedy: Remedy, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The test plays the system, and then the one who follows the hint."""
    project.write("")

    def failing(*_: object, **__: object) -> int:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", failing)
        remedy(project.fails("lock"))
    project.ok("lock")


@pytest.fixture
def store(project: Project, hub: Hub, host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and a project that is locked."""
    hub.add_repo("org/name", {"config.json": b"{}", "large.bin": b"x" * (200 << 10)})
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    project.write(MODEL)
    project.ok("lock")
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    return host_nix.store


@pytest.fixture
def mounted(store: Path) -> Iterator[Path]:
    """A store on a file system of its own, which is small."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts file systems")
    with small_disk(store, 500 << 10):
        yield store


@cures("free some space (nix-collect-garbage -d), then try again")
def test_a_full_store(project: Project, remedy: Remedy, mounted: Path) -> None:
    garbage = project.dir / "garbage"
    garbage.write_bytes(b"x" * (400 << 10))
    subprocess.run(["nix-store", "--add", garbage], check=True, capture_output=True)
    remedy(project.run("prefetch").err)
    subprocess.run(["nix-collect-garbage", "-d"], check=True, capture_output=True)
    project.ok("prefetch")
    assert mounted


@cures("check that you may add to the store: `nix-store --add models.toml` has to succeed")
def test_a_store_that_takes_nothing(project: Project, remedy: Remedy, mounted: Path) -> None:
    subprocess.run(["nix-store", "--add", "models.lock"], check=True, capture_output=True)
    read_only(mounted)
    remedy(project.run("prefetch").err)
    (command,) = remedy.commands
    assert subprocess.run(command.split(), check=False, capture_output=True).returncode != 0
    read_only(mounted, yes=False)
    subprocess.run(command.split(), check=True, capture_output=True)
    project.ok("prefetch")


@pytest.mark.usefixtures("store")
@cures("name another directory, one that is empty or was made by this command")
def test_a_directory_for_roots_that_takes_none(
    project: Project, remedy: Remedy, disk: Path
) -> None:
    project.write(MODEL)
    (disk / "m").mkdir()
    read_only(disk)
    remedy(project.run("prefetch", "--root", "disk").err)
    project.ok("prefetch", "--root", "other")


@contextmanager
def programs(directory: Path, **codes: str) -> Iterator[None]:
    """Scripts that are found before the programs of their names, which they can run."""
    directory.mkdir()
    for name, code in codes.items():
        program = directory / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\nPATH=${{PATH#*:}}\n{code}\n")
        program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(directory), prepend=os.pathsep)
        yield


@pytest.mark.usefixtures("store")
@cures("run `…` again when no garbage is being collected")
def test_a_collection_between_a_path_and_its_root(
    project: Project, remedy: Remedy, tmp_path: Path
) -> None:
    collect = '[ "$1" != --add-root ] || nix-store --gc >/dev/null 2>&1'
    with programs(tmp_path / "bin", nix_store=f'{collect}\nexec nix-store "$@"'):
        said = project.run("prefetch", "--root", "kept").err
        assert "was removed from the store before a root could keep it" in said
        remedy(said)
    project.ok("prefetch", "--root", "kept")


@pytest.mark.usefixtures("store")
@cures("report this to the project with both paths")
def test_another_store_path(project: Project, remedy: Remedy, tmp_path: Path) -> None:
    """A Nix that hashes in another way, and then the one that the project was told of."""
    other_name = 'case "$1" in --add*) sed s/..$/xx/;; *) cat;; esac'
    code = f'nix-store "$@" | {other_name}'
    with programs(tmp_path / "bin", nix_store=code, nix_instantiate="exit 1"):
        remedy(project.run("prefetch").err)
    project.ok("prefetch")


@AS_ROOT
@cures(
    "raise the limit on processes with `ulimit -u 4096`, or …",
    "raise the limits with `ulimit -u 4096` and `ulimit -v unlimited`, or …",
)
def test_a_user_who_may_do_little(
    project: Project, remedy: Remedy, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = prefix(STRANGER)
    store.mkdir(parents=True)
    owned = [project.dir, store.parent]
    subprocess.run(["chown", "-R", str(STRANGER), *owned], check=True)
    monkeypatch.setenv("HOME", str(project.dir))
    monkeypatch.setenv("USER", "stranger")
    limit, prefetch = "ulimit -S -u 1", '"$0" -m aimodels_gen prefetch'
    remedy(shell(project, f"{limit}; exec {prefetch}", *user).stderr)
    raised = remedy.commands[0]
    project.lock_file.rename(project.dir / "old.lock")
    remedy(shell(project, f"{limit}; exec {LOCK}", *user).stderr)
    for command in remedy.commands:
        raised += f"; {command}"
    done = shell(project, f"{limit}; {raised}; {LOCK}", *user)
    assert done.returncode == 0, done.stderr


@cures("change to a directory that exists")
def test_the_working_directory_is_gone(project: Project, remedy: Remedy) -> None:
    project.write("")
    gone = "mkdir x; cd x; rmdir ../x"
    remedy(shell(project, f"{gone}; {LOCK}").stderr)
    done = shell(project, f"{gone}; cd {project.dir}; {LOCK}")
    assert done.returncode == 0, done.stderr


@cures("…see `… --help`")
def test_an_option_that_is_not_there(project: Project, remedy: Remedy) -> None:
    project.write("")
    _, command = remedy(project.run("lock", "--keepgoing").err)
    assert "--keep-going" in project.ok(*command.split()[1:], "--help")
    project.ok("lock", "--keep-going")


@cures("…see `… --help`")
def test_a_command_that_is_not_there(project: Project, remedy: Remedy) -> None:
    project.write("")
    remedy(project.run("lokc").err)
    meant, command = remedy.commands
    assert "lock" in project.ok(*command.split()[1:])
    project.ok(*meant.split()[1:])
