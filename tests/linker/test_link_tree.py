"""What is planned for a link tree, before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_linker.absolute import open_directory
from aimodels_linker.link_tree import Changes, compare, read_entry, record_of
from aimodels_linker.write import Write
from linker.helpers import A
from support.linker import contents, touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.linker import Linker


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (Changes([], [], set(), remains=True), False),
        (Changes([Write("a", "b", replace=False)], [], set(), remains=True), True),
        (Changes([], ["a"], set(), remains=True), True),
        (Changes([], [], {"a"}, remains=True), True),
        (Changes([], [], set(), remains=False), True),
    ],
)
def test_whether_there_is_something_to_do(changes: Changes, *, expected: bool) -> None:
    assert bool(changes) == expected


def test_nothing_leads_to_what_is_missing(directories: Linker, entry: Callable[..., Path]) -> None:
    """Refs come after their snapshots, and those after their blobs; they go before them."""
    a = entry()
    directories.link({A: a})
    wanted, empty = read_entry(str(a)), directories.root / "empty"
    empty.mkdir()

    def in_store(target: str) -> bool:
        return target.startswith(f"{directories.store}/")

    with open_directory(str(empty)) as tree:
        writes = compare(tree, wanted, record_of({}), in_store).writes
    with open_directory(str(directories.hub / A)) as tree:
        removals = compare(tree, {}, record_of(wanted), in_store).removals
    tops = [write.path.partition("/")[0] for write in writes]
    assert tops == sorted(tops, key=["blobs", "snapshots", "refs"].index)
    tops = [path.partition("/")[0] for path in removals]
    assert tops == sorted(tops, key=["refs", "snapshots", "blobs"].index)
    assert set(tops) == {path.partition("/")[0] for path in contents(directories.hub / A)}


def test_empty_directories_of_programs_stay(
    directories: Linker, entry: Callable[..., Path]
) -> None:
    a = entry()
    directories.link({A: a})
    (directories.hub / A / "snapshots" / ("c" * 40) / "sub").mkdir(parents=True)
    before = touched(directories.hub)
    assert directories.link({A: a}).out == []
    assert touched(directories.hub) == before
