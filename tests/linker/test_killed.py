"""Runs that are killed, at every step: whatever comes after them finds no trace of that."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from linker.helpers import A, add_download
from support.fake_repo import Repo
from support.linker import contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.linker import Linker

    Act = Callable[[Linker], object]

_CACHE_NAMES = {"old": A, "new": A, "b": "models--org--b", "c": "models--org--c"}
_WRITES = ("symlink", "rename", "unlink", "mkdir", "rmdir", "fsync", "open")


class Killed(BaseException):
    """Ends a run: nothing catches it, and nothing is tidied up."""


class Killer:
    """Kills before something is done to the file system for the nth time, counted from 0."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.killed = False

    def __call__(self, act: Act) -> Act:
        def killed(linker: Linker) -> None:
            steps = itertools.count()
            with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
                for name in _WRITES:
                    patch.setattr(os, name, self._watched(name, getattr(os, name), steps))
                act(linker)

        return killed

    def _watched(
        self, name: str, function: Callable[..., Any], steps: Iterator[int]
    ) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            writes = name != "open" or arguments[1] & os.O_CREAT
            if writes and next(steps) == self._number:
                self.killed = True
                raise Killed
            return function(*arguments, **options)

        return watched


@pytest.fixture
def stocked(linker: Linker) -> Linker:
    """The linker with a store that has two versions of A, and B and C."""
    repo = Repo("org/a", ("*.bin",))
    for version in ("old", "new"):
        repo.commit({f"{version}/config.json": version.encode(), "w.bin": b"w"})
        linker.entry(repo, refs=("main", f"v/{version}")).rename(linker.store / version)
    for name in ("b", "c"):
        other = Repo(f"org/{name}")
        other.commit({"config.json": b"{}"})
        linker.entry(other).rename(linker.store / name)
    linker.view({"loras/b": b"1", "manifests/m": b"1", "x": b"1", "loras/l": "b"}, "old")
    linker.view({"loras/c": b"1", "manifests/m": b"2", "x/y": b"1", "loras/l": "c"}, "new")
    return linker


def links(*names: str) -> Act:
    return lambda linker: linker.link(_entries(linker, names))


def directory(*names: str) -> Act:
    return lambda linker: linker.but(mode="directory").link(_entries(linker, names))


def moved(*names: str) -> Act:
    def act(linker: Linker) -> None:
        linker.but(hub=linker.hub.parent / "moved/hub", mode="directory").link(
            _entries(linker, names)
        )

    return act


def view(name: str, mode: str = "directory") -> Act:
    """Put a view into a directory; in mode "link", as one link."""

    def act(linker: Linker) -> None:
        place = _models(linker, mode)
        place.run("link", place.view_spec(linker.store / f"{'0' * 32}-{name}", "manifests"))

    return act


def no_view(linker: Linker) -> None:
    place = _models(linker)
    place.run("unlink", place.view_spec(linker.store / f"{'0' * 32}-old"))


def used(linker: Linker) -> None:
    """What a program does: it adds a file to a directory of ours."""
    (linker.hub.parent / "a/models/loras/mine").write_text("mine")


def _models(linker: Linker, mode: str = "directory") -> Linker:
    return linker.but(hub=linker.hub.parent / "a/models", mode=mode)


def unlinked(linker: Linker) -> None:
    linker.unlink()


def _entries(linker: Linker, names: tuple[str, ...]) -> dict[str, Path]:
    return {_CACHE_NAMES[name]: linker.store / name for name in names}


def online(linker: Linker) -> None:
    """What a program does: it downloads a file of the pinned commit, and follows a branch."""
    directory = linker.hub / A
    commit = (directory / "refs/main").read_text()
    add_download(directory, commit, "extra.bin", b"extra")
    add_download(directory, "c" * 40, "config.json", b"theirs")
    weights = next(p for p in (directory / "snapshots" / commit).iterdir() if p.name == "w.bin")
    (directory / "snapshots" / ("c" * 40) / "w.bin").symlink_to(weights.readlink())


CHANGES: dict[str, tuple[list[Act], Act]] = {
    "links": ([], links("old", "b")),
    "other links": ([links("old", "b")], links("new", "c")),
    "directories": ([], directory("old")),
    "a directory for a link": ([links("old", "b")], directory("new")),
    "a link for a directory": ([directory("old")], links("new")),
    "another commit": ([directory("old")], directory("new")),
    "another commit, with downloads": ([directory("old"), online], directory("new")),
    "no directories": ([directory("old")], unlinked),
    "no directories, with downloads": ([directory("old"), online], unlinked),
    "links, with downloads": ([directory("old"), online], links("new")),
    "a moved hub": ([directory("old"), online], moved("new")),
    "another view, in use": ([view("old"), used], view("new")),
    "no view, in use": ([view("old"), used], no_view),
    "a directory for a view": ([view("old", "link")], view("new")),
    "a link for the directory of a view": ([view("old")], view("new", "link")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_killed_at_every_step(stocked: Linker, change: str) -> None:
    """What was to be done is done by the next run; any other finds what it could have found."""
    before, act = CHANGES[change]
    done = _outcome(stocked, [*before, act])
    others: list[Act] = [unlinked, *before[:1]]
    possible = [
        [_outcome(stocked, [*before, *first, other]) for first in ([], [act])] for other in others
    ]
    for number in itertools.count():
        killer = Killer(number)
        assert _outcome(stocked, [*before, killer(act), act]) == done, f"before step {number}"
        for other, outcomes in zip(others, possible, strict=True):
            found = _outcome(stocked, [*before, killer(act), other])
            places = {place for there in (found, *outcomes) for place in there}
            wrong = {p for p in places if found.get(p) not in [o.get(p) for o in outcomes]}
            assert wrong == set(), f"before step {number}"
        if not killer.killed:
            break
    assert number > 5


def _outcome(linker: Linker, acts: list[Act]) -> dict[str, tuple[object, ...]]:
    """What is there after all that, with nothing before."""
    cache = linker.hub.parent
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir()
    for act in acts:
        act(linker)
    there = contents(cache)
    for place in (
        "hub",
        "moved",
        "moved/hub",
        "a",
        "a/models",
    ):  # may be made before there are entries
        there.pop(place, None)
    if linker.state.exists():
        there[linker.state.name] = _known(json.loads(linker.state.read_text()))
    return there


def _known(state: dict[str, Any]) -> tuple[object, ...]:
    """What the state has, except for what a run may leave in doubt.

    That are refs when a directory lost its model, and whose directories are in which others have
    put something.
    """
    for records in state["hubs"].values():
        for name, record in [*records.items()]:
            if not record.get("snapshots"):
                record.pop("refs", None)
            if record["mode"] == "made":
                del records[name]
    state["hubs"] = {hub: records for hub, records in state["hubs"].items() if records}
    return ("state", state)
