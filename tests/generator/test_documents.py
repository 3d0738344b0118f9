"""What may be in the place of models.toml and models.lock, and what a machine may refuse."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.machine_errors import explained
from aimodels_gen.errors import LockError, ManifestError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.manifest import parse as manifests
from generator import samples
from generator.helpers import names_in
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.project import Project

MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


def lock(path: str = "a", size: object = 1, **model: object) -> str:
    """A lock of one model with one file."""
    table = {
        "digest": "x",
        "source": {"huggingface": {"repo": "a/b", "rev": samples.REV}},
        "files": {path: {"hash": samples.hash_of(1), "size": size}},
        **model,
    }
    return json.dumps({"version": 1, "models": {"m": table}})


LOCKS: dict[str, tuple[str | bytes, str]] = {
    "a NUL": (lock() + "\0", "is not JSON"),
    "a NUL in a path": (
        lock("a\0b"),
        "models.m.files contains text that a file name cannot contain",
    ),
    "a lone surrogate": (lock("\ud800"), "models.m.files contains text"),
    "a lone surrogate elsewhere": (lock(digest="\udfff"), "models.m.digest contains text"),
    "a path that leads out": (lock("../a"), "models.m.files is wrong"),
    "a file in the place of a directory": (
        lock(files={p: {"hash": samples.hash_of(1), "size": 1} for p in ("a", "a/b")}),
        "models.m.files is wrong",
    ),
    "deep lists": ("[" * 100_000, "is nested too deeply"),
    "deep tables": ('{"a":' * 100_000, "is nested too deeply"),
    "64 bits": (lock(size=1 << 63), "size is larger than 9223372036854775807"),
    "more than 64 bits": (lock(size=1 << 80), "size is larger than"),
    "5,000 digits": ('{"version": ' + "1" * 5000 + "}", "is not "),
    "500 digits": ('{"version": ' + "1" * 500 + "}", "is not a lock file"),
    "a fraction": (lock(size=1.5), "size is a number with a fraction"),
    "a number too large for a float": (lock(size="@").replace('"@"', "1e999"), "size is a number"),
    "NaN": ('{"version": NaN}', "NaN is not a number"),
    "infinity": ('{"version": -Infinity}', "-Infinity is not a number"),
    "null": (lock(size=None), "size is null"),
    "the same key twice": (lock().replace('"digest"', '"source"'), "'source' is there twice"),
    "Latin-1": (b'{"\xff": 1}', "byte 2 is not UTF-8"),
    "UTF-16": (lock().encode("utf-16"), "is not UTF-8"),
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_is_none(project: Project, name: str) -> None:
    content, expected = LOCKS[name]
    project.write(MANIFEST)
    project.lock_file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = project.lock_file.read_bytes()
    for command in ("lock", "render", "prefetch"):
        error = project.fails(command)
        assert expected in error
        assert "\nhint: " in error
        assert "unexpected" not in error
        assert len(error) < 1000
    assert project.lock_file.read_bytes() == before


@pytest.mark.parametrize("edit", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")])
def test_marks_and_line_ends_of_editors(project: Project, edit: Callable[[str], str]) -> None:
    text = json.dumps(json.loads(lock()), indent=2)
    project.lock_file.write_bytes(edit(text).encode())
    assert "fetchModel" in project.ok("render")


MANIFESTS: dict[str, tuple[str | bytes, str]] = {
    "5,000 digits": ("x = " + "1" * 5000, "too many digits"),
    "deep lists": ("x = " + "[" * 5000, "nested too deeply"),
    "deep tables": ("x = " + "{a=" * 5000, "nested too deeply"),
    "a deep key": (".".join("a" * 5000) + " = 1", ""),
    "6,000 digits in hexadecimal": (MANIFEST + "include = [0x" + "f" * 6000 + "]", "holds an int"),
    "a date": ("models = 2024-01-01", "models is a date"),
    "a time": ("models = 10:00:00", "models is a time"),
    "infinity": ("models = inf", "models is a number with a fraction"),
    "a NUL": ("\0", "models.toml:1:1: "),
    "a NUL in a text": (MANIFEST + 'include = ["\\u0000"]', "models.m.include has a NUL"),
    "a NUL in a key": ('[models."\\u0000"]', "has no source"),
    "Latin-1": (b"\xff", "byte 0 is not UTF-8"),
    "UTF-16": (MANIFEST.encode("utf-16"), "is not UTF-8"),
    "a file that is too large": ("#" * (17 << 20), "has more than 16.0 MiB"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_none(project: Project, name: str) -> None:
    content, expected = MANIFESTS[name]
    data = content if isinstance(content, bytes) else content.encode()
    (project.dir / "models.toml").write_bytes(data)
    error = project.fails("lock")
    assert expected in error
    assert "\nhint: " in error
    assert "unexpected" not in error
    assert names_in(project.dir) == ["models.toml"]


THINGS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a large hole": lambda path: os.truncate(path, 1 << 40) if path.write_bytes(b"") == 0 else None,
    "a link to a directory": lambda path: path.symlink_to("."),
}


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("file", ["models.toml", "models.lock"])
def test_something_else_in_the_place_of_a_file(project: Project, name: str, file: str) -> None:
    project.write(MANIFEST)
    (project.dir / file).unlink(missing_ok=True)
    THINGS[name](project.dir / file)
    result = project.run("lock")
    assert result.status in {1, 2}
    assert result.err.startswith("error: ")
    assert "\nhint: " in result.err
    assert "unexpected" not in result.err


def test_a_directory_in_the_place_of_a_lock(project: Project) -> None:
    project.write(MANIFEST)
    project.lock_file.mkdir()
    assert "models.lock is not a regular file" in project.fails("lock")


def in_shell(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in a project."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=project.dir,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "line",
    [
        "lock -",
        "lock /dev/stdin < models.toml",
        "cat models.toml | {} lock /dev/stdin",
        "lock /dev/fd/0 < models.toml",
        "lock //dev/stdin < models.toml",
        "ln -s /dev /tmp/$$; {} lock /tmp/$$/stdin < models.toml; s=$?; rm /tmp/$$; exit $s",
        "lock <(cat models.toml)",
        "cd /dev; {} lock stdin < $OLDPWD/models.toml",
    ],
)
def test_a_manifest_without_a_directory_for_its_lock(project: Project, line: str) -> None:
    project.write("")
    program = f"{sys.executable} -m aimodels_gen"
    line = line.format(program) if "{}" in line else f"{program} {line}"
    devices = names_in(Path("/dev"))
    done = in_shell(project, line)
    assert done.returncode == 1
    assert "is not a file in a directory\nhint: save it as UTF-8 in a file such as" in done.stderr
    assert names_in(project.dir) == ["models.toml"]
    assert [name for name in names_in(Path("/dev")) if name not in devices] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{} >&-", "error: standard output is closed\nhint: "),
        ("{} >&- 2>&-", ""),
        ("ulimit -f 0; trap '' XFSZ; {}", "File too large\nhint: raise the limit"),
        ("mkdir x; cd x; rmdir ../x; {}", "error: the working directory has been removed\nhint: "),
        ("mkdir x; cd x; rmdir ../x; {} ../models.toml -o y", "directory has been removed\nhint: "),
        ("{} $'\\xff.toml'", "error: there is no ?.toml\nhint: "),
        ("{} missing/x.toml/y", "error: there is no missing/x.toml/y\nhint: "),
        ("{} models.toml/y", "Not a directory\nhint: name another path"),
        ("{} " + "x" * 300, "File name too long\nhint: use a shorter name"),
    ],
)
def test_what_a_shell_and_its_limits_do(project: Project, line: str, expected: str) -> None:
    project.write("")
    done = in_shell(project, line.format(f"{sys.executable} -m aimodels_gen lock"))
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(project.dir) == ["models.toml"]


def test_names_that_are_not_utf_8(project: Project) -> None:
    """The header of a rendering names the manifest."""
    path = project.dir / os.fsdecode(b"m\xff.toml")
    path.write_bytes(b"")
    assert "from m?.toml" in project.ok("lock", str(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="the limit does not hold for the user who runs tests")
def test_no_further_thread(project: Project, tmp_path: Path) -> None:
    project.write(MANIFEST)
    tmp_path.chmod(0o777)
    done = subprocess.run(
        ["prlimit", "--nproc=1", *prefix(54322), sys.executable, "-m", "aimodels_gen", "lock"],
        cwd=project.dir,
        env={**project.environment(), "HF_ENDPOINT": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error: no more threads can be started\nhint: raise the limits" in done.stderr


def test_not_enough_memory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Any:
        raise MemoryError

    project.write(MANIFEST)
    monkeypatch.setattr("aimodels_gen.cli.locking.load", full)
    project.write("")
    assert project.fails("lock").startswith("error: there is not enough memory\nhint: ")


NUMBERS = [
    *("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "ENOENT", "ENOTDIR", "EISDIR"),
    *("ELOOP", "ENAMETOOLONG", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EIO", "ESTALE", "EBADF"),
    *("EPIPE", "ENXIO", "ENODEV", "ETXTBSY"),
]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_error_of_the_system_has_a_next_step(name: str) -> None:
    number = getattr(errno, name)
    found = explained(OSError(number, os.strerror(number), "dir/file"))
    assert found is not None
    assert found[0] == f"dir/file: {os.strerror(number)}"
    assert found[1]


def test_mistakes_of_ours_are_no_errors_of_the_machine() -> None:
    assert explained(RuntimeError("dictionary changed size during iteration")) is None
    assert explained(ZeroDivisionError()) is None


CROWDED = """
import os, resource, sys
from aimodels_gen import cli
import aimodels_gen.cli.lock, aimodels_gen.cli.failures
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
taken = [os.dup(0) for _ in range(21 - len(os.listdir("/proc/self/fd")))]
sys.exit(cli.run(["lock"]))
"""


def test_too_many_open_files(project: Project) -> None:
    project.write("")
    done = subprocess.run(
        [sys.executable, "-c", CROWDED],
        cwd=project.dir,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Too many open files\nhint: raise the limit on open files" in done.stderr


def test_errors_are_of_their_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "models.toml")
    os.mkfifo(tmp_path / "models.lock")
    with pytest.raises(ManifestError):
        manifests.load(tmp_path / "models.toml")
    with pytest.raises(LockError):
        lock_file.read(tmp_path / "models.lock")
