"""A hub directory whose owner wants the linker, run as root, to write elsewhere."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_linker.absolute import open_directory
from aimodels_linker.state import State
from aimodels_linker.write import Scratch
from linker.helpers import A
from support.fake_repo import Repo
from support.linker import contents, touched

if TYPE_CHECKING:
    from pathlib import Path

    from support.linker import Linker

B = "models--org--b"
SWAPPED = ["", "blobs", "refs", "refs/v", "snapshots", "snapshots/COMMIT", "trees", ".no_exist"]


@pytest.fixture
def versions(linker: Linker) -> tuple[Path, Path]:
    """Two versions of A."""
    repo, found = Repo("org/a", ("*.bin",)), []
    for version in (b"1", b"2"):
        repo.commit({"config.json": version, "sub/x": version, "w.bin": b"w"})
        found.append(linker.entry(repo, refs=("main", "v/1")))
    return found[0], found[1]


def swap(linker: Linker, place: str, outside: Path) -> None:
    """Put a directory of an entry elsewhere, and a link in its place."""
    directory = linker.hub / A
    commit = next((directory / "snapshots").iterdir()).name
    missing = directory / ".no_exist" / commit
    missing.mkdir(parents=True, exist_ok=True)
    (missing / "tokens.json").touch()
    (directory / "trees").mkdir(exist_ok=True)
    (directory / "trees" / f"{commit}.json").touch()
    swapped = directory / place.replace("COMMIT", commit)
    swapped.rename(outside)
    swapped.symlink_to(outside)


@pytest.mark.parametrize("place", SWAPPED)
@pytest.mark.parametrize("then", ["update", "remove", "mode link"])
@pytest.mark.parametrize("early", [True, False], ids=["before", "meanwhile"])
def test_nothing_outside_is_touched(
    directories: Linker, versions: tuple[Path, Path], place: str, then: str, *, early: bool
) -> None:
    """Also where a directory is swapped between our looking at it and our writing to it."""
    directories.link({A: versions[0]})
    linking = directories.but(mode="link") if then == "mode link" else directories
    models = {} if then == "remove" else {A: versions[1]}
    with pytest.MonkeyPatch.context() as patch:
        outside = directories.root / "outside"
        before: dict[str, object] = {}

        def attack() -> None:
            if not before:
                swap(directories, place, outside)
                before.update(touched(outside))

        save = State.save  # comes after looking, and before writing

        def save_and_attack(state: State) -> None:
            save(state)
            attack()

        patch.setattr(State, "save", save_and_attack)
        if early:
            attack()
        linking.link(models)
        run = linking.link(models)
    assert all(line.startswith("warning: ") for line in run.err)
    directories.unlink()
    assert touched(outside) == before


@pytest.mark.parametrize(
    "thing", ["a link to a directory", "a link to a file", "a directory of links"]
)
def test_names_for_what_is_unfinished(
    either: Linker, versions: tuple[Path, Path], thing: str
) -> None:
    """They look as if a killed run had left them."""
    outside = either.root / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    either.hub.mkdir()
    with open_directory(str(either.hub)) as hub:
        trap = either.hub / Scratch(hub, str(either.state)).new_name()
    if thing == "a link to a directory":
        trap.symlink_to(outside)
    elif thing == "a link to a file":
        trap.symlink_to(outside / "file")
    else:
        (trap / "blobs").mkdir(parents=True)
        (trap / "blobs/a").symlink_to(outside)
        (trap / "refs").symlink_to(outside)
    before = touched(outside)
    run = either.link({A: versions[0]})
    assert (run.status, run.err) == (0, [])
    assert touched(outside) == before
    assert [path.name for path in either.hub.iterdir()] == [A]


def test_pipes_are_not_waited_for(directories: Linker, versions: tuple[Path, Path]) -> None:
    directories.link({A: versions[0]})
    main = directories.hub / A / "refs/main"
    main.unlink()
    os.mkfifo(main)
    os.mkfifo(directories.hub / B)
    run = directories.link({A: versions[1], B: versions[1]}, env={})
    assert [line.partition(" is a file ")[0] for line in run.err] == [
        f"warning: {directories.hub}/{B}"
    ]
    assert main.read_text()


def test_directories_without_end(directories: Linker, versions: tuple[Path, Path]) -> None:
    directories.link({A: versions[0], B: versions[0]})
    deep = os.open(directories.hub / A / "blobs", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=deep)
        deeper = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)
    run = directories.link({A: versions[1], B: versions[1]})
    # Before pytest tries to, by recursion.
    subprocess.run(["rm", "-rf", directories.hub / A], check=True)
    assert run.status == 1
    path = directories.hub / A
    (error,) = run.err
    assert error == (
        f"error: the model 'a': {path} has more than 100 directories in one another, so it is left "
        f"alone: move it away, and activate again: mv -- {path} {path}.old"
    )
    assert run.out == [f"ai-models: linked 1 in {directories.hub}"]


@pytest.mark.parametrize("part", ["hub", "its parent"])
def test_root_follows_only_its_own_links(
    either: Linker, versions: tuple[Path, Path], part: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    outside = either.root / "outside"
    (outside / "hub").mkdir(parents=True)
    trap = either.root / "trap"
    if part == "hub":
        trap.mkdir()
        link = trap / "hub"
        link.symlink_to(outside / "hub")
    else:
        link = trap
        link.symlink_to(outside)
    os.lchown(link, 65534, 65534)
    run = either.but(hub=trap / "hub").link({A: versions[0]})
    assert run.status == 1
    assert [line.startswith(f"error: {link} is a link to ") for line in run.err] == [True]
    assert contents(outside) == {"hub": ("directory",)}
    os.lchown(link, 0, 0)
    assert either.but(hub=trap / "hub").link({A: versions[0]}).status == 0
