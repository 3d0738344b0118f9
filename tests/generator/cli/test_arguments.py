"""Which manifest and which models a command is about, whatever is typed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from generator.helpers import names_in

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.project import Project


def manifest(*names: str) -> str:
    return "".join(f'[models.{n}]\nsource.huggingface = {{ repo = "org/{n}" }}\n' for n in names)


@pytest.fixture
def models(hub: Hub, hub_project: Project) -> Project:
    """A project with two models, of which none is locked."""
    for name in ("embedder", "llama"):
        hub.add_repo(f"org/{name}", {"config.json": name.encode()})
    hub_project.write(manifest("embedder", "llama"))
    return hub_project


@pytest.fixture
def below(models: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory two levels below the project, which is the working directory."""
    directory = models.dir / "src" / "app"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


def test_the_manifest_is_searched_upwards(models: Project, below: Path) -> None:
    done = models.run("lock")
    assert done.status == 0
    assert done.err.startswith("using ../../models.toml\n")
    assert sorted(models.lock) == ["embedder", "llama"]
    assert names_in(below) == []
    assert models.run("lock", "-q").err == ""
    assert models.ok("render") == done.out
    assert models.ok("update", "llama") == done.out
    assert "not locked yet: other" not in models.run("prefetch", "other").err


def test_the_nearest_manifest_is_used(models: Project, below: Path) -> None:
    (below.parent / "models.toml").write_text("")
    assert models.run("lock").err.startswith("using ../models.toml\n")
    (below / "models.toml").write_text("")
    assert models.run("lock").err == ""
    assert not models.lock_file.exists()


def test_a_named_manifest_is_not_searched(models: Project, below: Path) -> None:
    assert "there is no models.toml\n" in models.fails("lock", "models.toml")
    assert "there is no models.toml\n" in models.fails("lock", "-m", "models.toml")
    assert "using" not in models.run("lock", "-m", "../../models.toml").err
    assert names_in(below) == []


def test_no_manifest_anywhere(project: Project) -> None:
    for command in (["lock"], ["lock", "embedder"], ["update"]):
        assert project.fails(*command) == (
            "error: there is no models.toml in this directory or above it\n"
            "hint: run `aimodels-gen init` to write one, or name the manifest: -m FILE\n"
        )
    for command in (["render"], ["prefetch"]):
        assert "there is no models.toml or models.lock in this" in project.fails(*command)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
def test_a_manifest_of_another_user_must_be_named(models: Project, below: Path) -> None:
    assert below.exists()
    os.chown(models.dir / "models.toml", 65534, 65534)
    assert models.fails("lock") == (
        "error: ../../models.toml belongs to another user\n"
        "hint: if you trust it, name it: -m ../../models.toml\n"
    )
    models.ok("lock", "-m", "../../models.toml")


def test_a_lock_without_its_manifest_can_be_rendered(models: Project, below: Path) -> None:
    printed = models.ok("lock")
    (models.dir / "models.toml").unlink()
    assert models.ok("render") == printed
    assert models.ok("render", "-m", "../../models.toml") == printed
    assert models.ok("render", str(models.lock_file)) == printed
    assert names_in(below) == []
    both = models.run("render", "models.lock", "-m", "models.toml")
    assert (both.status, both.err.splitlines()[0]) == (
        2,
        "error: name either LOCK or the manifest",
    )


def test_lock_by_name_leaves_the_others_alone(hub: Hub, models: Project) -> None:
    done = models.run("lock", "llama")
    assert sorted(models.lock) == ["llama"]
    assert "embedder" not in done.out
    assert done.err.splitlines()[-1] == (
        "new or changed in models.toml, and not locked by this run: embedder"
    )
    models.ok("lock")
    before = models.lock
    hub.clear()
    models.write(manifest("embedder", "llama").replace('"org/embedder"', '"org/gone"'))
    printed = models.ok("lock", "llama")
    assert (models.lock, hub.log) == (before, [])
    assert '"org/embedder"' in printed, "the output is whole"
    assert "org/gone" in models.fails("lock")


@pytest.mark.parametrize("command", ["lock", "update"])
def test_an_unknown_name_is_no_file(models: Project, command: str) -> None:
    assert models.fails(command, "embeder") == (
        "error: models.toml has no model named embeder\nhint: did you mean embedder?\n"
    )
    models.write(manifest(*(f"part-{number}" for number in range(1, 13))))
    assert models.fails(command, "x").splitlines()[1] == (
        "hint: it has part-1, part-2, part-3, part-4, part-5, part-6, part-7, part-8, part-9, "
        "part-10 and 2 more"
    )


def test_a_file_named_like_a_model_is_the_model(models: Project) -> None:
    (models.dir / "llama").write_text("not TOML")
    models.ok("lock", "llama")
    assert sorted(models.lock) == ["llama"]


def test_any_file_can_be_the_manifest(models: Project) -> None:
    (models.dir / "mine").write_text(manifest("llama"))
    models.ok("lock", "mine")
    assert names_in(models.dir) == ["mine", "mine.lock", "models.toml"]
    models.ok("lock", "-m", "mine", "llama")
    models.ok("update", "mine", "llama")


def test_two_manifests(models: Project) -> None:
    done = models.run("lock", "a.toml", "./b")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "error: name one manifest, not a.toml and ./b\nhint: see `aimodels-gen lock --help`\n"
    )


def test_prefetch_of_what_is_not_locked(models: Project) -> None:
    models.ok("lock", "llama")
    assert models.fails("prefetch", "embedder") == (
        "error: not locked yet: embedder of models.toml\nhint: run `aimodels-gen lock` first\n"
    )
    assert "hint: run `aimodels-gen lock -m models.toml` first" in models.fails(
        "prefetch", "-m", "models.toml", "embedder"
    )
    assert "hint: run `aimodels-gen lock -m models.toml` first" in models.fails(
        "prefetch", "./models.lock", "embedder"
    )
    assert models.fails("prefetch", "lama") == (
        "error: models.lock has no model named lama\nhint: did you mean llama?\n"
    )


def test_prefetch_of_a_manifest_that_has_changed(
    models: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is locked is what is fetched, and the reader is told."""
    monkeypatch.setenv("PATH", "/var/empty")  # no Nix: nothing is fetched here
    models.ok("lock")
    said = "models.toml has changed since it was locked"
    assert said not in models.fails("prefetch")
    models.write(manifest("embedder", "llama", "new") + 'exclude = ["*.bin"]\n')
    assert f"warning: {said} (new): " in models.fails("prefetch")
    models.write(manifest("llama") + 'exclude = ["*.bin"]\n')
    error = models.fails("prefetch")
    assert f"warning: {said} (embedder, llama): " in error
    assert "run `aimodels-gen lock` to pin what is new" in error
    assert "(llama)" in models.fails("prefetch", "llama")
    models.write("[")
    assert "warning: models.toml:1: " in models.fails("prefetch")


def test_keep_going(hub: Hub, models: Project) -> None:
    models.ok("lock", "-o", "models.nix")
    before = models.lock
    hub.add_repo("org/llama", {"config.json": b"newer"})
    models.write(manifest("embedder", "llama", "gone").replace('"org/embedder"', '"org/private"'))
    failed = models.fails("update", "-o", "models.nix")
    assert failed.splitlines()[-1] == (
        "hint: to lock the other models all the same, add --keep-going"
    )
    assert models.lock == before

    done = models.run("update", "--keep-going", "-o", "models.nix")
    assert (done.status, done.out) == (1, "")
    errors = [line.split(":")[1] for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors == [" embedder", " gone"]
    assert "warning: embedder failed: it keeps its pin\n" in done.err
    assert "warning: gone failed: it has no pin yet and is left out\n" in done.err
    assert "--keep-going" not in done.err
    assert sorted(models.lock) == ["embedder", "llama"]
    assert models.lock["embedder"] == before["embedder"]
    assert models.lock["llama"] != before["llama"]
    assert (models.dir / "models.nix").read_text() == models.ok("render")
    # What failed is tried again.
    assert "org/private" in models.fails("lock")
    models.write(manifest("embedder", "llama"))
    assert models.run("lock", "-k").err == "= 2 unchanged\n"


def test_keep_going_where_all_fail(models: Project) -> None:
    models.write(manifest("gone"))
    assert "--keep-going" not in models.fails("lock")
    models.run("lock", "--keep-going")
    assert models.lock == {}
