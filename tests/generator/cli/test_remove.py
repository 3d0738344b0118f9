"""`remove` and `rename`: models.toml, lock and outputs change together, and no server is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from generator.helpers import locked_and_moved, names_in
from generator.stores import FILES, LFS, MANIFEST, build, content
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

TEXT = """\
[output]
file = "models.nix"

# The first.
[models.a]
source.huggingface = { repo = "org/a" }

[models."b.2"] # the second
source.huggingface = { repo = "org/b" }
"""


@pytest.fixture
def ours(hub: Hub, hub_project: Project) -> Project:
    """A project with two models that are locked, and have moved since."""
    return locked_and_moved(hub, hub_project, TEXT)


def text(project: Project) -> str:
    return (project.dir / "models.toml").read_text()


def contents(project: Project) -> dict[str, bytes]:
    return {name: (project.dir / name).read_bytes() for name in names_in(project.dir)}


def test_remove(hub: Hub, ours: Project) -> None:
    before = ours.lock
    done = ours.run("remove", "b.2")
    assert (done.status, done.out) == (0, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("- b.2  org/b main")
    assert lines[-1] == "wrote models.toml, models.lock, models.nix"
    assert text(ours) == TEXT[: TEXT.index('\n[models."b')]
    assert ours.lock == {"a": before["a"]}
    assert "b.2" not in (ours.dir / "models.nix").read_text()
    ours.ok("remove", "a")
    assert text(ours) == TEXT[: TEXT.index("\n#")]
    assert ours.lock == {}
    assert hub.log == []


def test_rename(hub: Hub, ours: Project) -> None:
    before = ours.lock
    done = ours.run("rename", "b.2", "c")
    assert (done.status, done.out) == (0, "")
    assert done.err == (
        "renamed b.2 to c\n= 2 unchanged\nwrote models.toml, models.lock, models.nix\n"
    )
    assert text(ours) == TEXT.replace('"b.2"', "c")
    assert ours.lock == {"a": before["a"], "c": before["b.2"]}
    assert '  c = fetchModel pkgs {\n    name = "c";' in (ours.dir / "models.nix").read_text()
    renamed = contents(ours)
    ours.ok("lock")
    assert contents(ours) == renamed
    ours.ok("rename", "c", "b.2")
    assert text(ours) == TEXT
    assert ours.run("rename", "a", "a").err == "= 2 unchanged\n"
    assert hub.log == []


def test_models_that_have_changed_are_not_locked(hub: Hub, ours: Project) -> None:
    more = '[models.new]\nsource.huggingface = { repo = "org/new" }\n'
    ours.write(TEXT.replace("org/a", "org/other") + more)
    before = ours.lock
    assert "not locked by this run: a, new" in ours.run("rename", "new", "new-2").err
    assert ours.lock == before
    assert "not locked by this run: a" in ours.run("remove", "new-2", "b.2").err
    assert ours.lock == {"a": before["a"]}
    assert hub.log == []


def test_without_a_lock(ours: Project) -> None:
    ours.lock_file.unlink()
    rendering = (ours.dir / "models.nix").read_bytes()
    assert ours.run("rename", "a", "c").err == "renamed a to c\nwrote models.toml\n"
    assert ours.run("remove", "c").err == "wrote models.toml\n"
    assert contents(ours) == {"models.nix": rendering, "models.toml": text(ours).encode()}


def test_only_the_manifest(ours: Project) -> None:
    before = contents(ours)
    ours.ok("rename", "a", "c", "--no-lock")
    ours.ok("remove", "b.2", "--no-lock")
    assert {**contents(ours), "models.toml": before["models.toml"]} == before
    assert text(ours) == TEXT[: TEXT.index('\n[models."b')].replace("models.a", "models.c")


def test_what_only_the_lock_has(ours: Project) -> None:
    ours.write(TEXT[: TEXT.index('\n[models."b')])
    before = text(ours)
    assert "wrote models.lock, models.nix\n" in ours.run("remove", "b.2").err
    assert text(ours) == before
    assert list(ours.lock) == ["a"]


def test_a_model_that_is_wrong_can_be_removed(ours: Project) -> None:
    ours.write(TEXT + "\n[models.c]\nsource.hugingface = {}\n")
    ours.ok("remove", "c")
    assert text(ours) == TEXT


def test_nothing_changes_if_it_fails(ours: Project) -> None:
    before = contents(ours)
    for args in (
        ["remove", "a", "x"],
        ["rename", "x", "y"],
        ["rename", "a", "no/name"],
        ["rename", "a", "outPath"],
        ["remove", "a", "-o", "missing/models.nix"],
        ["rename", "a", "c", "-m", "missing.toml"],
    ):
        ours.fails(*args)
        assert contents(ours) == before
    assert "did you mean b.2?" in ours.fails("remove", "b.1")
    assert "it has a, b.2" in ours.fails("rename", "xxx", "y")
    lock = json.loads(ours.lock_file.read_text())
    ours.lock_file.write_text("<<<<<<< ours\n" + json.dumps(lock))
    for args in (["remove", "a"], ["rename", "a", "c"]):
        assert "models.lock has a merge conflict\nhint: keep one side" in ours.fails(*args)
    assert text(ours) == TEXT


@cures("choose another name, or run `aimodels-gen remove …` first")
def test_a_name_that_is_taken(ours: Project, remedy: Remedy) -> None:
    said = ours.fails("rename", "a", "b.2")
    remedy(said)
    ours.follow(said)
    ours.ok("rename", "a", "b.2")
    assert list(ours.lock) == ["b.2"]


@pytest.fixture
def built(
    hub: Hub, hub_project: Project, host_store: NixEnv, request: pytest.FixtureRequest
) -> Project:
    """A project whose model is in the store, with a pin of this kind."""
    hub.add_repo("org/name", FILES, lfs=LFS)
    output = '[output]\nfile = "models.nix"\n'
    hub_project.write(f'{output}{MANIFEST}pin = "{request.param}"\n')
    hub_project.ok("lock")
    build(host_store, hub_project)
    hub.clear()
    return hub_project


@pytest.mark.parametrize("built", ["files"], indirect=True)
def test_a_renamed_model_is_not_downloaded_again(hub: Hub, built: Project) -> None:
    assert "tree" not in built.run("rename", "m", "n").err
    assert hub.log == []
    built.ok("prefetch")
    assert content(hub) == 0


@cures(
    "the store path of the tree … contains its name: `… …` creates the new path without a download"
)
@pytest.mark.parametrize("built", ["tree"], indirect=True)
def test_a_renamed_tree(hub: Hub, built: Project, remedy: Remedy) -> None:
    said = built.run("rename", "m", "n").err
    remedy(said)
    assert hub.log == []
    built.follow(said)
    assert content(hub) == 0
    assert "1 path: 1 there already" in built.run("prefetch").err
