"""Specs and state files with anything in them: one line each, and the models are linked."""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example
from hypothesis import strategies as st

from aimodels_linker import sync
from linker.helpers import A
from support.fuzzing import fuzz
from support.linker import contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.linker import Linker, Run

B = "models--org--b"
_LONGEST = 600  # characters of a line

# What has been in one place of a document: bytes that json.dumps would not write, too.
STRANGE: tuple[Any, ...] = (
    "",
    "\0",
    "\ud800",
    "\udcff",
    "..",
    "a/../b",
    "/",
    7,
    -1,
    1.5,
    10**400,
    True,
    None,
    [],
    {},
    [[]],
    {"": {}},
    float("nan"),
)
values = st.one_of(
    st.sampled_from(STRANGE),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a document, as paths of keys."""
    keys: list[Any] = []
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = list(range(len(document)))
    return [path, *(place for key in keys for place in places(document[key], (*path, key)))]


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[int, str, Any]]:
    """Changes to a document: the number of a place, what to do there, and a value for that."""
    change = st.tuples(
        st.integers(0, 1000), st.sampled_from(["replace", "rename", "add", "remove"]), values
    )
    return draw(st.lists(change, min_size=1, max_size=3))


def changed(document: Any, made: list[tuple[int, str, Any]]) -> bytes:
    """Make such changes."""
    root = {"": copy.deepcopy(document)}
    for number, action, value in made:
        there = places(root)[1:]
        if not there:
            break
        *parents, key = there[number % len(there)]
        parent: Any = root
        for step in parents:
            parent = parent[step]
        if action == "remove" and parent is not root:
            del parent[key]
        elif action == "rename" and isinstance(parent, dict) and parent is not root:
            parent[str(value)] = parent.pop(key)
        elif action == "add" and isinstance(parent[key], dict):
            parent[key][str(value)] = value
        else:
            parent[key] = value
    return json.dumps(root[""]).encode()


def check(run: Run) -> None:
    """One line a problem, which is one that somebody has thought of."""
    for line in run.err:
        assert line.startswith(("warning: ", "error: "))
        assert "error: unexpected" not in line
        assert len(line) < _LONGEST
    assert run.status == any(line.startswith("error: ") for line in run.err)


@pytest.fixture
def models(entry: Callable[..., Path]) -> dict[str, Path]:
    return {A: entry("a"), B: entry("b")}


def check_state(linker: Linker, models: dict[str, Path], damage: Callable[[bytes], bytes]) -> None:
    """Link models, damage the state, and link again: it is told once, and all is as it was."""
    linker.unlink()
    linker.state.unlink(missing_ok=True)
    linker.link(models)
    (linker.hub / "models--org--own").mkdir(exist_ok=True)
    made = contents(linker.hub)
    linker.state.write_bytes(damage(linker.state.read_bytes()))
    run = linker.link(models)
    check(run)
    assert run.status == 0
    assert contents(linker.hub) == made
    assert linker.link(models).err == []


@fuzz(made=changes())
@example(made=[(6, "replace", 7)])
def test_states_with_other_values(
    directories: Linker, models: dict[str, Path], made: list[tuple[int, str, Any]]
) -> None:
    def damage(state: bytes) -> bytes:
        data = json.loads(state)
        records = data["hubs"][str(directories.hub)]
        data["hubs"][f"{directories.root}/old"] = {**records, "models--org--c": {"mode": "link"}}
        return changed(data, made)

    check_state(directories, models, damage)


@fuzz(state=st.binary(max_size=200))
@example(state=b'{"version": 1, "hubs": {"/x": {"a--b": {"mode": "directory", "refs": 7}}}}')
@example(state=b'{"version": 1, "hubs": {"/x\\u0000": {}}}')
@example(state=b'{"version": 1, "hubs": {"/x\\ud800": {"a--b": {"mode": "link"}}}}')
@example(state=b'{"version": 1, "hubs": {"/x": {"a--b\\udfff": {"mode": "link"}}}}')
@example(state=b'{"version": 1, "hubs": {"relative": {"a--b": {"mode": "link"}}}}')
@example(state=b'{"version": 1, "hubs": {"/../x": {"a--b": {"mode": "link"}}}}')
@example(state=b'{"version": 1.0, "hubs": {}}')
@example(state=b'{"version": true, "hubs": {}}')
@example(state=b'{"version": ' + b"9" * 5000 + b', "hubs": {}}')
@example(state=b"[" * 200_000)
@example(state=b'{"version": "' + b"x" * 100_000 + b'"}')
@example(state=b'{"version": 1, "hubs": {"/' + b"x" * 100_000 + b'": 7}}')
@example(state=b"\xff\xfe{\0}\0")
@example(state=b"\xef\xbb\xbf{}")
def test_states_that_are_none(linker: Linker, models: dict[str, Path], state: bytes) -> None:
    check_state(linker, models, lambda _state: state)


@pytest.mark.parametrize("depth", range(850, 1000, 10))
def test_values_nearly_too_deep(linker: Linker, depth: int) -> None:
    """Which can be read, and cannot be printed by a function that calls itself."""
    deep = b"[" * depth + b"]" * depth
    for document in (b'{"version": %b}', b'{"version": 1, "hubs": %b}'):
        linker.state.write_bytes(document % deep)
        run = linker.link({})
        check(run)
        assert len(run.err) == 1


def test_states_without_end(
    linker: Linker, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sparse files."""
    monkeypatch.setattr("aimodels_linker.state._MAX_SIZE", 1 << 20)
    linker.link(models)
    with linker.state.open("ab") as file:
        file.truncate(1 << 28)
    (warning,) = linker.link(models).err
    assert "it is too large" in warning
    assert linker.link(models).err == []


@fuzz(made=changes())
@example(made=[(0, "replace", [])])
def test_specs_with_other_values(
    linker: Linker, models: dict[str, Path], made: list[tuple[int, str, Any]]
) -> None:
    """In a dry run, because the directories may be any."""
    file = linker.spec(models)
    file.write_bytes(changed(json.loads(file.read_bytes()), made))
    run = linker.run("link", file, "--dry-run")
    check(run)
    if run.status:
        assert f"{file} is not a spec of this linker" in run.err[-1] or "/" in run.err[-1]


def test_specs_without_end(linker: Linker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aimodels_linker.spec._MAX_SIZE", 1 << 20)
    file = linker.spec({})
    os.truncate(file, 1 << 28)
    for path in (file, "/dev/zero"):
        (error,) = linker.run("link", path).err
        assert "it is too large" in error


def test_a_spec_that_cannot_be_opened(linker: Linker) -> None:
    for path in ("/", "a\0b", "/nonexistent", f"/{'x' * 300}"):
        (error,) = linker.run("link", path).err
        assert error.startswith("error: cannot read the spec ")
        assert error.endswith(": pass the path of a file that the module has written")


def test_what_nobody_has_thought_of(
    linker: Linker, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("a mistake\nof ours")

    monkeypatch.setattr(sync, "read_state", fail)
    run = linker.link(models)
    assert run.status == 1
    (error,) = run.err
    assert error.startswith("error: unexpected AssertionError at sync.py:")
    assert "a mistake\\nof ours: report this line at https://github.com/" in error


@pytest.mark.parametrize("content", ["relative", "/a/../b", "/x\0", "\udcff", "/x\n"])
def test_a_former_state_that_is_none(
    linker: Linker, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    directory = linker.root / "run"
    directory.mkdir()
    (directory / "state").write_bytes(os.fsencode(content))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(directory))
    run = linker.link(models)
    assert run.status == 0
    assert len(run.err) == (content != "/x\n")
    assert (directory / "state").read_text() == str(linker.state)
    assert linker.link(models).err == []


def test_a_relative_directory_of_the_unit(
    linker: Linker, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "relative")
    run = linker.link(models)
    assert run.status == 1
    (error,) = run.err
    assert error.startswith("error: RUNTIME_DIRECTORY is 'relative', which is not an absolute path")
    assert {path.name for path in linker.hub.iterdir()} == set(models)


def test_a_former_state_is_not_removed(
    linker: Linker, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could be any file: another user may have written to the unit's directory before."""
    directory = linker.root / "run"
    directory.mkdir()
    precious = linker.root / "precious"
    precious.write_text("not JSON")
    (directory / "state").write_text(str(precious))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(directory))
    run = linker.link(models)
    assert run.status == 0
    assert [line.partition(",")[0] for line in run.err] == [f"warning: cannot use {precious}"]
    assert precious.read_text() == "not JSON"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_a_state_where_others_write_is_believed_about_their_directory_only(
    linker: Linker, models: dict[str, Path]
) -> None:
    """They may have put there another file that root has written, such as one of the Nix store."""
    elsewhere = linker.but(hub=linker.root / "elsewhere", state=linker.root / "elsewhere.json")
    elsewhere.link(models)
    linker.link(models)
    old = linker.but(hub=linker.root / "cache/old")
    old.link(models)  # and removes what is in `hub`
    data = json.loads(linker.state.read_bytes())
    data["hubs"] |= json.loads(elsewhere.state.read_bytes())["hubs"]
    linker.state.write_text(json.dumps(data))
    os.chown(linker.state.parent, 65534, 65534)
    run = linker.link(models)
    assert run.status == 0
    (warning,) = run.err
    assert warning.startswith(
        f"warning: {linker.state} records links in {elsewhere.hub}, and others"
    )
    assert list(old.hub.iterdir()) == []
    assert {path.name for path in elsewhere.hub.iterdir()} == set(models)
    assert linker.link(models).err == []
