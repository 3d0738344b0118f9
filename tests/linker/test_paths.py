"""Which links on the way to a directory are followed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_linker.absolute import open_directory
from aimodels_linker.errors import LinkError
from linker.helpers import A
from support.linker import contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.linker import Linker

_NOBODY = 65534
needs_two_users = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory that other users can go through, and not list."""
    directory = Path(tempfile.mkdtemp(prefix="aimodels-paths-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@contextlib.contextmanager
def user(number: int) -> Iterator[None]:
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def opens(path: Path, expected: Path) -> bool:
    with open_directory(str(path)) as directory:
        return os.path.samestat(os.fstat(directory.descriptor), expected.stat())


def refused(path: Path) -> str:
    """Return why it is refused, whether or not it may be created."""
    messages = set()
    for create in (False, True):
        with pytest.raises(LinkError) as caught:
            open_directory(str(path), create=create)
        assert caught.value.hint
        messages.add(caught.value.message)
    (message,) = messages
    return message


@pytest.mark.parametrize("target", ["ROOT/a/b", "a/b", "./a//b/", "a/../a/b", "c/../a/b"])
def test_links_of_root(root: Path, target: str) -> None:
    (root / "a/b/hub").mkdir(parents=True)
    (root / "c").symlink_to("a")
    (root / "link").symlink_to(target.replace("ROOT", str(root)))
    # As the shell's `cd` would, `..` leads back to where we came from.
    assert opens(root / "link/hub", root / "a/b/hub")
    with open_directory(str(root / "link/new/er"), create=True):
        assert (root / "a/b/new/er").is_dir()


@pytest.mark.parametrize("target", ["link", "nowhere", "nowhere/hub", "file", "file/hub", "/"])
def test_links_to_no_directory(root: Path, target: str) -> None:
    """What a link leads to is not created."""
    (root / "file").touch()
    (root / "link").symlink_to(target)
    before = contents(root)
    if target == "/":
        assert opens(root / "link", Path("/"))
        return
    for create in (False, True):
        with pytest.raises(OSError, match=str(root / "link")):
            open_directory(str(root / "link"), create=create)
    assert contents(root) == before


@needs_two_users
@pytest.mark.parametrize(
    ("owner", "mode", "accepted"),
    [
        ((0, 0), 0o755, True),
        ((0, 0), 0o775, True),  # of root's own group
        ((0, 4), 0o755, True),
        ((0, 4), 0o775, False),
        ((0, 0), 0o757, False),
        ((0, 0), 0o1777, False),  # where others can put a second name of a link
        ((_NOBODY, 0), 0o700, False),
    ],
)
def test_who_can_write_to_the_directory_of_a_link(
    root: Path, owner: tuple[int, int], mode: int, *, accepted: bool
) -> None:
    (root / "target/hub").mkdir(parents=True)
    parent = root / "parent"
    parent.mkdir()
    (parent / "link").symlink_to("../target")
    os.chown(parent, *owner)
    parent.chmod(mode)
    if accepted:
        assert opens(parent / "link/hub", root / "target/hub")
    else:
        assert refused(parent / "link/hub") == (
            f"{parent}/link is a link to ../target in a directory to which others than root can "
            "write, so root does not follow it"
        )
    assert contents(root / "target") == {"hub": ("directory",)}
    os.lchown(parent / "link", _NOBODY, _NOBODY)
    assert "that root did not make" in refused(parent / "link/hub")


@needs_two_users
def test_a_link_behind_a_link(root: Path) -> None:
    (root / "theirs").mkdir()
    (root / "theirs/out").symlink_to("/etc")
    os.chown(root / "theirs", _NOBODY, _NOBODY)
    (root / "link").symlink_to("theirs/out")
    assert refused(root / "link").startswith(f"{root}/theirs/out is a link to /etc in a directory")


@needs_two_users
def test_a_login_user(root: Path) -> None:
    """Whose cache may be elsewhere, by their own links or by those of root."""
    home, disk = root / "home", root / "disk/alice/huggingface"
    disk.mkdir(parents=True)
    home.mkdir()
    (home / ".cache").symlink_to(root / "disk/alice")
    (root / "data").symlink_to("disk")
    for path in (disk, home, disk.parent, home / ".cache"):
        os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    with user(_NOBODY):
        assert opens(home / ".cache/huggingface", disk)
        with open_directory(f"{root}/data/alice/huggingface/hub", create=True):
            pass
    assert (disk / "hub").stat().st_uid == _NOBODY
    # A link of a third user.
    os.lchown(home / ".cache", 1234, 1234)
    with user(_NOBODY):
        assert "that nobody did not make, so nobody" in refused(home / ".cache/huggingface")


@needs_two_users
def test_directories_that_may_be_entered_and_not_listed(root: Path) -> None:
    (root / "home").mkdir(mode=0o700)
    os.chown(root / "home", _NOBODY, _NOBODY)
    with user(_NOBODY), pytest.raises(PermissionError):
        next(root.iterdir())
    with user(_NOBODY), open_directory(f"{root}/home/hub", create=True):
        pass


@needs_two_users
@pytest.mark.parametrize("what", ["hub", "state", "unit"])
def test_whatever_has_a_path(
    linker: Linker, entry: Callable[..., Path], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub directory, that of the state, and that of the unit: one line says it."""
    outside = linker.root / "outside"
    outside.mkdir(mode=0o700)
    link = linker.root / "link"
    link.symlink_to(outside)
    os.lchown(link, _NOBODY, _NOBODY)
    if what == "unit":
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(link / "run"))
    else:
        linker = linker.but(**{what: link / "new" / what})
    for run in (linker.link({A: entry()}), linker.unlink(), linker.link({}, "--dry-run")):
        if what != "hub" or run.err:
            assert run.status == 1
            (error,) = run.err
            assert error == (
                f"error: {link} is a link to {outside} that root did not make, so root does not "
                "follow it: make it as root, or configure the directory that it leads to"
            )
    assert contents(outside) == {}


def test_a_directory_that_was_moved_while_it_is_open(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`..` in a link does not lead to its new parent."""
    for name in ("a/b", "c", "elsewhere/c"):
        (root / name).mkdir(parents=True)
    (root / "link").symlink_to("a/b/../../c")
    function, moved = os.open, False

    def move_and_open(path: str, *arguments: object, **options: object) -> int:
        nonlocal moved
        descriptor: int = function(path, *arguments, **options)  # type: ignore[arg-type]
        if path == "b" and not moved:
            (root / "a/b").rename(root / "elsewhere/b")
            moved = True
        return descriptor

    monkeypatch.setattr(os, "open", move_and_open)
    assert opens(root / "link", root / "c")
    assert moved
