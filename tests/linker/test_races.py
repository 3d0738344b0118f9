"""A cache whose owner exchanges directories and links while root links models in it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from linker.helpers import A
from support.fake_repo import Repo
from support.linker import touched
from support.swap import swapping
from support.watch import watching

if TYPE_CHECKING:
    from pathlib import Path

    from support.linker import Linker

_ROUNDS = 200
_NOBODY = 65534

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="needs two users, and Linux's renameat2"
)


@pytest.fixture
def versions(linker: Linker) -> tuple[Path, Path]:
    """Two versions of A."""
    repo, found = Repo("org/a", ("*.bin",)), []
    for version in (b"1", b"2"):
        repo.commit({"config.json": version, "w.bin": version})
        found.append(linker.entry(repo, refs=("main", "v/1")))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("part", "mode"), [("cache", "link"), ("hub", "link"), ("hub", "directory")]
)
def test_the_hub_and_its_parent(
    linker: Linker, versions: tuple[Path, Path], part: str, mode: str
) -> None:
    """The state is in that parent, too; models are linked and removed in turn."""
    home = linker.root / "cache/home"
    linker = linker.but(hub=home / "hf/hub", state=home / "hf/state.json", mode=mode)
    linker.link({A: versions[0]})
    race(
        linker,
        home / "hf" if part == "cache" else linker.hub,
        [{A: versions[0]}, {}, {A: versions[1]}],
    )


@pytest.mark.parametrize("place", ["refs", "refs/v", "snapshots/COMMIT"])
def test_directories_of_an_entry(
    directories: Linker, versions: tuple[Path, Path], place: str
) -> None:
    directories.link({A: versions[0]})
    commit = next((directories.hub / A / "snapshots").iterdir()).name
    swapped = directories.hub / A / place.replace("COMMIT", commit)
    race(directories, swapped, [{A: version} for version in versions])


def race(linker: Linker, swapped: Path, configurations: list[dict[str, Path]]) -> None:
    """Link again and again, while a directory and a link to one of root's are exchanged."""
    outside = make_outside(linker, swapped)
    link = swapped.with_name("link")
    link.symlink_to(outside)
    for path in (linker.root / "cache", *(linker.root / "cache").rglob("*")):
        if path.is_dir() or path == link:
            os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    before = touched(outside)
    with watching(outside) as seen, swapping(swapped, link.name):
        for number in range(_ROUNDS):
            run = linker.link(configurations[number % len(configurations)])
            assert {line.partition(": ")[0] for line in run.err} <= {"warning", "error"}
    assert seen == []
    assert touched(outside) == before


def make_outside(linker: Linker, swapped: Path) -> Path:
    """Make a directory of root's alone, in which there is all that the linker would remove."""
    outside = linker.root / "outside"
    shutil.copytree(swapped, outside, symlinks=True)
    outside.chmod(0o700)
    (outside / "models--org--own").symlink_to(linker.store / "own")
    (outside / "file").write_text("precious")
    return outside
