"""Integrations of other engines in models.toml: what is locked and rendered, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project

MODEL = '[output]\nfile = "models.nix"\n[models.m]\nsource.huggingface = { repo = "org/name" }\n'
OLLAMA = 'integration.ollama = { name = "x", params = { top_k = 40, seed = 1 } }\n'


@pytest.fixture
def project(hub_project: Project, hub: Hub) -> Project:
    hub.add_repo("org/name", {"a.gguf": b"1", "config.json": b"{}"})
    hub_project.write(MODEL)
    hub_project.ok("lock")
    return hub_project


def test_a_model_without_them_is_locked_as_ever(project: Project) -> None:
    assert "views" not in project.lock_file.read_text()


def test_a_change_sends_no_request(project: Project, hub: Hub) -> None:
    before, count = project.lock_file.read_text(), len(hub.log)
    project.write(MODEL + OLLAMA)
    result = project.run("lock", "--check")
    assert result.status == 3
    assert "the manifest has other settings than the lock: integration" in result.out
    assert "(integration)" in project.run("lock", "--offline").err
    output = (project.dir / "models.nix").read_text()
    assert 'name = "x";' in output
    # As the lock has them, whatever the order in the manifest.
    assert output.index("seed = 1;") < output.index("top_k = 40;")
    project.ok("lock", "--check")
    (project.dir / "models.nix").unlink()
    project.ok("render")
    assert (project.dir / "models.nix").read_text() == output
    project.write(MODEL)
    project.ok("lock", "--offline")
    assert project.lock_file.read_text() == before
    assert len(hub.log) == count


def test_files_are_checked_before_any_is_read(project: Project, hub: Hub) -> None:
    hub.add_repo("org/new", {"a.gguf": b"1", "config.json": b"{}"})
    project.write(MODEL.replace("org/name", "org/new") + 'integration.directory.d.x = "b.gguf"\n')
    said = project.fails("lock")
    assert "m: integration.directory.d is 'b.gguf', which is not a file of the model" in said
    assert not any("/resolve/" in request.path for request in hub.log if "new" in request.path)


def test_those_of_a_tree_are_checked_while_it_is_listed(project: Project) -> None:
    tree = MODEL + 'pin = "tree"\ninclude = ["*.json"]\n'
    project.write(tree + 'integration.comfyui.configs = "*.gguf"\n')
    assert "matches no file of the model" in project.fails("lock")


def test_keep_going_locks_the_others(project: Project) -> None:
    other = '[models.n]\nsource.huggingface = { repo = "org/name", ref = "main" }\n'
    project.write(MODEL + 'integration.comfyui.loras = "*.bin"\n' + other)
    result = project.run("lock", "--keep-going")
    assert result.status == 1
    assert "m failed: it keeps its pin" in result.err
    assert set(project.lock) == {"m", "n"}
    assert "loras" not in project.lock_file.read_text()


def test_the_same_file_may_be_at_one_place(project: Project) -> None:
    both = 'integration.lmstudio = { org = "o", model = "p" }\n'
    other = f'[models.n]\nsource.huggingface = {{ repo = "org/name" }}\n{both}'
    project.write(MODEL + both + other + 'integration.huggingface.model = "n"\n')
    project.ok("lock")
