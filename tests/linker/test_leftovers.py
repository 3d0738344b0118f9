"""What killed runs leave is removed, and nothing else that looks like it."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_linker import lock
from linker.helpers import A
from support.linker import touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.linker import Linker

FOREIGN = (
    ".nix-ai-models.tmp",
    ".nix-ai-models.00000000.0123456789abcdef",  # of a linker with another state file
    ".nix-ai-models.notes",
    ".nix-ai-models",
)


class Killed(BaseException):
    """Ends a run: nothing catches it."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[Linker, dict[str, Path], int], None]:
    """Link, and kill the run before it moves something to its place for the nth time."""

    def kill(linker: Linker, models: dict[str, Path], number: int) -> None:
        moves = itertools.count(1)
        rename = os.rename

        def killed(*arguments: Any, **options: Any) -> None:
            if next(moves) == number:
                raise Killed
            rename(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", killed)
            with pytest.raises(Killed):
                linker.link(models)

    return kill


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.name.startswith(".nix-ai-models.")}


@pytest.mark.parametrize("number", [1, 2])
def test_only_our_own_leftovers_go(
    directories: Linker,
    entry: Callable[..., Path],
    kill: Callable[[Linker, dict[str, Path], int], None],
    number: int,
) -> None:
    a = entry()
    directories.hub.mkdir()
    for directory in (directories.hub, directories.hub.parent):
        for name in FOREIGN:
            (directory / name).mkdir()
            (directory / name / "file").write_text("mine")
    before = {
        directory: [touched(directory / name) for name in FOREIGN]
        for directory in (directories.hub, directories.hub.parent)
    }
    kill(directories, {A: a}, number)
    left = directories.hub if number == 2 else directories.hub.parent
    assert names(left) - {*FOREIGN, directories.state.name}
    run = directories.link({A: a})
    assert (run.status, run.err) == (0, [])
    assert names(directories.hub) == {*FOREIGN} - {".nix-ai-models"}
    for directory, nodes in before.items():
        assert [touched(directory / name) for name in FOREIGN] == nodes


def test_what_cannot_be_removed_is_told_and_the_rest_is_done(
    directories: Linker,
    entry: Callable[..., Path],
    kill: Callable[[Linker, dict[str, Path], int], None],
) -> None:
    a = entry()
    kill(directories, {A: a}, 2)
    (name,) = (name for name in names(directories.hub) if (directories.hub / name).is_dir())
    deep = directories.hub / name
    for _ in range(150):
        deep /= "d"
        deep.mkdir()
    run = directories.link({A: a})
    assert run.status == 0
    (warning,) = run.err
    assert warning.startswith(f"warning: {directories.hub}/{name}, which an interrupted run has")
    assert warning.endswith(f": remove it (rm -rf -- {directories.hub}/{name})")
    assert (directories.hub / A / "refs/main").exists()


def test_the_file_of_the_unit(
    linker: Linker,
    entry: Callable[..., Path],
    kill: Callable[[Linker, dict[str, Path], int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """systemd's directory for the unit."""
    directory = linker.root / "run"
    directory.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(directory))
    kill(linker, {A: entry()}, 1)
    assert len(names(directory)) == 1
    assert linker.link({A: entry()}).status == 0
    assert [path.name for path in directory.iterdir()] == ["state"]


def test_two_linkers_in_one_directory(linker: Linker, entry: Callable[..., Path]) -> None:
    """Of two users, say: neither takes what the other is writing for a leftover."""
    other = linker.but(state=linker.root / "other.json")
    models = {A: entry("a")}, {"models--org--b": entry("b")}
    rename, linked = os.rename, False

    def link_other(*arguments: Any, **options: Any) -> None:
        nonlocal linked
        if not linked and os.path.samestat(os.fstat(options["src_dir_fd"]), linker.hub.stat()):
            linked = True
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(lock, "_ROOTS_DIRECTORY", str(linker.root / "other"))
                assert other.link(models[1]).status == 0
        rename(*arguments, **options)

    linker.hub.mkdir()
    (linker.hub / A).symlink_to(linker.store / "old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", link_other)
        assert linker.link(models[0]).status == 0
    assert linked
    assert {path.name: path.readlink() for path in linker.hub.iterdir()} == {
        **models[0],
        **models[1],
    }
    for each, names_ in ((linker, models[0]), (other, models[1])):
        assert list(json.loads(each.state.read_text())["hubs"][str(linker.hub)]) == list(names_)
