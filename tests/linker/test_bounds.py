"""What the owner of a cache can put there costs a run neither time nor memory without end."""

from __future__ import annotations

import errno
import os
import stat
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_linker import link_tree, spec
from aimodels_linker.dirfd import Directory
from linker.helpers import A, follow
from support.fake_repo import Repo
from support.linker import contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.linker import Linker

B = "models--org--b"
_ENOUGH = 4 << 20  # bytes of memory
_HUGE = 1 << 30  # bytes of a file, none of which takes space


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(_HUGE)


THINGS: dict[str, Callable[[Path], object]] = {
    "a sparse file": sparse,
    "a pipe": os.mkfifo,
    "a device": lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5)),  # /dev/zero
    "a directory": lambda path: path.mkdir(),
    "a link to what has no end": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "nothing": lambda path: path,
}


@pytest.fixture
def versions(directories: Linker) -> tuple[Path, Path]:
    """Two versions of A."""
    repo, found = Repo("org/a", ("*.bin",)), []
    for version in (b"1", b"2"):
        repo.commit({"config.json": version, "w.bin": b"w"})
        found.append(directories.entry(repo, refs=("main", "v/1")))
    return found[0], found[1]


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(spec, "_MAX_SIZE", 1 << 20)
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < _ENOUGH


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("place", ["refs/main", "refs/theirs", "trees/COMMIT.json", "blobs/BLOB"])
def test_things_in_the_place_of_files(
    directories: Linker, versions: tuple[Path, Path], thing: str, place: str
) -> None:
    """They are replaced where a file of ours belongs, or left alone; the other model is linked."""
    if thing == "a device" and os.geteuid() != 0:
        pytest.skip("needs root")
    directories.link({A: versions[0]})
    directory = directories.hub / A
    commit = next((directory / "snapshots").iterdir()).name
    blob = next((directory / "blobs").iterdir()).name
    path = directory / place.replace("COMMIT", commit).replace("BLOB", blob)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    THINGS[thing](path)
    kind = path.lstat().st_mode if os.path.lexists(path) else 0
    for entry in (versions[0], versions[1]):
        run = directories.link({A: entry, B: versions[1]})
        assert run.status == 0
        assert all(line.startswith(f"warning: {path} is a ") for line in run.err)
        assert (directories.hub / B / "refs/main").read_text()
    if place == "refs/theirs" and kind and thing != "a directory":
        assert path.lstat().st_mode == kind
    directories.link({})
    directories.unlink()
    assert not (directories.hub / B).exists()


def test_refs_are_read_as_far_as_a_commit_goes(
    directories: Linker, versions: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directories.link({A: versions[0]})
    sizes = []
    read = Directory.read

    def watched(directory: Directory, path: str, limit: int) -> bytes | None:
        content = read(directory, path, limit)
        if path.startswith("refs/") and directory.path.startswith(str(directories.hub)):
            sizes.append(len(content or b""))
        return content

    monkeypatch.setattr(Directory, "read", watched)
    os.truncate(directories.hub / A / "refs/main", _HUGE)
    for name in ("x", "y"):
        (directories.hub / A / "refs" / name).write_text("c" * 1000)
    directories.link({A: versions[1]})
    assert len(sizes) >= 3
    assert max(sizes) <= 42


def test_more_refs_than_are_read(
    directories: Linker, versions: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those to what is gone are removed, as far as they are read; ours are right."""
    monkeypatch.setattr(link_tree, "_MAX_REFS", 10)
    directories.link({A: versions[0]})
    refs = directories.hub / A / "refs"
    commit = (refs / "main").read_text()
    for number in range(30):
        (refs / f"{number}").write_text(commit)
    assert directories.link({A: versions[1]}).err == []
    assert {path.read_text() for path in (refs / "main", refs / "v/1")} != {commit}
    assert len(list(refs.iterdir())) == 22


@pytest.mark.parametrize("where", ["blobs", "refs", "x/y", "snapshots/new"])
def test_more_names_than_are_read(
    directories: Linker,
    versions: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """One line names the way out, which works; the other model is linked."""
    monkeypatch.setattr(link_tree, "_MAX_FOREIGN", 100)
    monkeypatch.setattr(link_tree, "_MAX_VERSIONS", 1)
    directories.link({A: versions[0]})
    directory = directories.hub / A / where
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(300):
        (directory / f"{number}").touch()
    before = contents(directories.hub / A)
    for entry in (versions[1], versions[0]):
        run = directories.link({A: entry, B: versions[1]})
        assert run.status == 1
        (error,) = run.err
        assert "has more files and directories below it than are read" in error
        assert contents(directories.hub / A) == before
    assert "more files and directories" in directories.link({}).err[0]
    assert not (directories.hub / B).exists()
    follow(error)
    run = directories.link({A: versions[1]})
    assert (run.status, run.err) == (0, [])


def test_what_a_repository_needs_is_read(
    directories: Linker, entry: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many files it has; also when only the record has them, or none has."""
    monkeypatch.setattr(link_tree, "_MAX_FOREIGN", 3)
    path = entry("a", {f"{number}.json": b"%d" % number for number in range(300)})
    directories.link({A: path})
    directories.state.unlink()
    assert directories.link({A: path}).err == []
    assert directories.link({}).err == []
    assert list(directories.hub.iterdir()) == []


@pytest.mark.parametrize("length", [200, 250])
def test_long_names_count_as_many(
    directories: Linker, versions: tuple[Path, Path], length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_tree, "_MAX_FOREIGN", 1000)
    directories.link({A: versions[0]})
    deep = os.open(directories.hub / A / "blobs", os.O_RDONLY)
    for _ in range(50):
        os.mkdir("d" * length, dir_fd=deep)
        deeper = os.open("d" * length, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    for number in range(200):
        os.close(os.open(f"{number}", os.O_CREAT | os.O_WRONLY, dir_fd=deep))
    os.close(deep)
    (error,) = directories.link({A: versions[1]}).err
    assert "more files and directories" in error


def test_names_that_are_not_utf_8(directories: Linker, versions: tuple[Path, Path]) -> None:
    directories.link({A: versions[0]})
    name = os.fsdecode(b"\xff\xfe\n")
    for where in ("blobs", "refs", "snapshots", "."):
        (directories.hub / A / where / name).mkdir()
        (directories.hub / A / where / name / name).symlink_to(name)
    (directories.hub / name).write_text("mine")
    before = contents(directories.hub)
    for entry in (versions[1], versions[0]):
        assert directories.link({A: entry}).err == []
    assert contents(directories.hub) == before
    assert directories.link({}).err == []
    assert directories.link({A: versions[0]}).err == []
    assert contents(directories.hub) == before


def test_a_command_for_a_name_that_cannot_be_printed(
    linker: Linker, entry: Callable[..., Path]
) -> None:
    odd = linker.but(hub=linker.root / os.fsdecode(b"it's \xff\n\\ % $x"))
    odd.hub.mkdir()
    (odd.hub / A).write_text("mine")
    follow(odd.link({A: entry()}).err[0])
    assert (odd.hub / f"{A}.old").read_text() == "mine"


@pytest.mark.parametrize("function", ["readlink", "open"])
def test_names_that_go_meanwhile(
    directories: Linker,
    versions: tuple[Path, Path],
    function: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program tidies up while we look."""
    directories.link({A: versions[0]})
    (directories.hub / A / "gone").mkdir()
    (directories.hub / A / "gone" / "link").symlink_to("x")
    original = getattr(os, function)

    def vanish(path: Any, *arguments: Any, **options: Any) -> Any:
        if path in {"gone", "link"} and (function == "readlink" or path == "gone"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return original(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, vanish)
        run = directories.link({A: versions[1]})
    assert (run.status, run.err) == (0, [])
