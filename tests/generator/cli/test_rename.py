"""Models that have another name in models.toml than in the lock: their pins stay."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from generator.helpers import locked_and_moved

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project

TEXT = """\
[output]
file = "models.nix"

[models.a]
source.huggingface = { repo = "org/a" }

[models.b]
source.huggingface = { repo = "org/b" }
include = ["*.json"]
"""
# Is killed as soon as one file has its new content.
KILLED = """
import os, signal
from pathlib import Path
from aimodels_gen.__main__ import main
replace = Path.replace
def once(self, target):
    replace(self, target)
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = once
main()
"""


@pytest.fixture
def ours(hub: Hub, hub_project: Project) -> Project:
    """A project with two models that are locked, and have moved since."""
    return locked_and_moved(hub, hub_project, TEXT)


def renamed(text: str, **names: str) -> str:
    """The manifest with other names of its models, all at once."""
    for old in names:
        text = text.replace(f"[models.{old}]", f"[models.<{old}>]")
    for old, new in names.items():
        text = text.replace(f"[models.<{old}>]", f"[models.{new}]")
    return text


@pytest.mark.parametrize(
    "names",
    [{"a": "c"}, {"a": "c", "b": "d"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c"}],
    ids=["one", "both", "swapped", "moved"],
)
@pytest.mark.parametrize("args", [[], ["--offline"], ["c", "d"]], ids=" ".join)
def test_a_table_that_is_renamed_by_hand(
    hub: Hub, ours: Project, names: dict[str, str], args: list[str]
) -> None:
    before = ours.lock
    ours.write(renamed(TEXT, **names))
    args = [one for one in args if one.startswith("-") or one in names.values()]
    said = ours.run("lock", "--dry-run").err.splitlines()
    assert said[: len(names)] == [f"would rename {old} to {new}" for old, new in names.items()]
    assert ours.lock == before
    done = ours.run("lock", *args)
    assert done.err.splitlines() == [
        *(f"renamed {old} to {new}" for old, new in names.items()),
        "= 2 unchanged",
        "wrote models.lock, models.nix",
    ]
    assert ours.lock == {names.get(name, name): pin for name, pin in before.items()}
    assert ours.run("lock", "--check").status == 0
    assert hub.log == []


def test_what_else_is_new(hub: Hub, ours: Project) -> None:
    """Settings that move no pin, and an update that follows the ref again."""
    before = ours.lock
    ours.write(renamed(TEXT, a="c").replace("[models.b]", 'layout = "link"\n[models.b]'))
    assert "renamed a to c\n~ c  " in ours.run("lock").err
    assert ours.lock["c"]["source"] == before["a"]["source"]
    assert hub.log == []
    ours.write(renamed(TEXT, a="d"))
    assert "not locked yet" not in ours.run("outdated", "d").out
    said = ours.run("update", "d").err
    assert said.startswith("renamed c to d\n~ d  org/a main ")
    assert ours.lock["d"]["source"] != before["a"]["source"]


def test_other_files_or_another_pin(hub: Hub, ours: Project) -> None:
    for change in (
        {"org/a": "org/b"},
        {"[models.c]\n": '[models.c]\nexclude = ["x"]\n'},
        {"[models.c]\n": '[models.c]\nfallbacks = [{ huggingface = { repo = "org/b" } }]\n'},
        {"[models.c]\n": '[models.c]\npin = "tree"\n'},
    ):
        text = renamed(TEXT, a="c")
        for old, new in change.items():
            text = text.replace(old, new)
        ours.write(text)
        assert "c: not pinned as models.toml asks" in ours.fails("lock", "--offline")
        assert hub.log == []


def test_pins_that_cannot_be_told_apart(ours: Project) -> None:
    same = TEXT.replace("org/b", "org/a").replace('include = ["*.json"]\n', "")
    ours.write(same)
    ours.ok("lock")
    ours.write(renamed(same, a="c", b="d"))
    said = ours.run("lock").err
    assert "renamed" not in said
    assert [line[:3] for line in said.splitlines()[1:5]] == ["- a", "- b", "+ c", "+ d"]


def test_one_pin_and_two_models(ours: Project) -> None:
    ours.write(renamed(TEXT, a="c") + '[models.d]\nsource.huggingface = { repo = "org/a" }\n')
    before = ours.lock
    said = ours.run("lock").err.splitlines()[1:]  # after a warning
    assert said[0] == "renamed a to c"
    assert said[1].startswith("+ d ")
    assert ours.lock["c"] == before["a"]


def test_a_pin_that_was_edited(ours: Project) -> None:
    text = ours.lock_file.read_text()
    ours.lock_file.write_text(text.replace('"size": 2', '"size": 3'))
    ours.write(renamed(TEXT, a="c"))
    assert "c, b: not pinned as models.toml asks" in ours.fails("lock", "--offline")


def test_a_rename_that_is_killed(hub: Hub, ours: Project) -> None:
    """Between the manifest and the lock."""
    before = ours.lock
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "rename", "a", "c"],
        env=ours.environment(),
        cwd=ours.dir,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert (ours.dir / "models.toml").read_text() == renamed(TEXT, a="c")
    assert ours.lock == before
    assert "renamed a to c\n= 2 unchanged\nwrote models.lock, models.nix\n" in ours.run("lock").err
    assert ours.lock == {"b": before["b"], "c": before["a"]}
    assert hub.log == []
