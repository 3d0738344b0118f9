"""Repositories whose name on the Hub is not the one in the manifest, and models that are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.fake_repo import lfs_pointer
from support.hub import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.project import Project
    from support.remedies import Remedy

FILES = {"config.json": b'{"a": 1}\n', "model.safetensors": b"weights"}
LFS = ["*.safetensors"]
TOKEN = "hf_secretsecretsecret"
MANIFEST = '[models.m]\nsource.huggingface = {{ repo = "{}"{} }}\n{}'


def write(project: Project, repo: str, more: str = "", lines: str = "") -> None:
    project.write(MANIFEST.format(repo, more, lines))


def warnings(project: Project) -> list[str]:
    """Lock; return what is said about it."""
    result = project.run("lock", "-q")
    assert result.status == 0, result.err
    return [line.removeprefix("warning: ") for line in result.err.splitlines()]


def test_a_repository_that_was_renamed(hub: Hub, hub_project: Project) -> None:
    repo = hub.add_repo("old/name", FILES, lfs=LFS)
    hub.rename("old/name", "new/name")
    write(hub_project, "old/name")
    (line,) = warnings(hub_project)
    assert line.startswith('old/name has been renamed to "new/name" on the Hub: ')
    assert 'write repo = "new/name"' in line
    assert hub_project.lock["m"]["source"]["huggingface"]["rev"] == repo.sha
    write(hub_project, "new/name")
    assert warnings(hub_project) == []


@pytest.mark.parametrize("lines", ["", 'include = ["*.safetensors"]\n'])
def test_a_renamed_repository_that_is_gated(hub: Hub, hub_project: Project, lines: str) -> None:
    hub.add_repo("old/name", FILES, lfs=LFS, gated="manual")
    hub.rename("old/name", "new/name")
    write(hub_project, "old/name", lines=lines)
    result = hub_project.run("lock", "-q")
    assert 'has been renamed to "new/name"' in result.err
    assert "old/name is gated, and access to its files is refused" in result.err
    assert result.status == (0 if lines else 1)


def test_a_renamed_repository_that_is_gated_and_allowed(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("old/name", FILES, lfs=LFS, gated="manual")
    hub.allow(TOKEN, "new/name")
    hub.rename("old/name", "new/name")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    write(hub_project, "old/name")
    (line,) = warnings(hub_project)
    assert "renamed" in line


def test_another_spelling(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("Org/Name", FILES, lfs=LFS)
    write(hub_project, "org/name")
    (line,) = warnings(hub_project)
    assert line.startswith('org/name is spelled "Org/Name" on the Hub: write repo = "Org/Name"')


@pytest.mark.parametrize("name", ["../../x", "a/b/c", 7, None, "a\nb", ""])
def test_a_name_that_is_none(hub: Hub, hub_project: Project, name: object) -> None:
    repo = hub.add_repo("org/name", FILES, lfs=LFS)
    info = json.dumps({"id": name, "sha": repo.sha}).encode()
    hub.faults = lambda r: Response(200, body=info) if "/revision/" in r.path else None
    write(hub_project, "org/name")
    assert warnings(hub_project) == []


@pytest.fixture
def repo(hub: Hub) -> Repo:
    files = {**FILES, "model.gguf": b"g", "x/b.safetensors": b"b", "README.md": b"# A\n"}
    return hub.add_repo("org/name", files, lfs=[*LFS, "*.gguf"])


@pytest.mark.parametrize(
    ("filters", "lines"),
    [
        ('include = ["*.json"]', 'include = ["*.json", "*.safetensors"]'),
        ('exclude = ["*.safetensors", "*.gguf"]', 'exclude = ["*.gguf"]'),
        (
            'include = ["*.json", "x/*"]\nexclude = ["*.safetensors", "*.md"]',
            'include = ["*.json", "x/*", "*.safetensors"] and exclude = ["*.md"]',
        ),
    ],
)
@pytest.mark.usefixtures("repo")
@cures("…: … leaves out all weights of …, which has … like …; to take them, write …")
def test_filters_that_leave_no_weights(
    hub_project: Project, remedy: Remedy, filters: str, lines: str
) -> None:
    write(hub_project, "org/name", lines=f"{filters}\n")
    (line,) = warnings(hub_project)
    assert "leaves out all weights of org/name, which has 2 files like *.safetensors" in line
    assert line.endswith(f"; to take them, write {lines}")
    remedy(line)
    write(hub_project, "org/name", lines=lines.replace(" and ", "\n") + "\n")
    assert warnings(hub_project) == []


@pytest.mark.parametrize("filters", ['include = ["*.gguf"]', 'exclude = ["*.safetensors"]', ""])
@pytest.mark.usefixtures("repo")
def test_filters_that_leave_some_weights(hub_project: Project, filters: str) -> None:
    write(hub_project, "org/name", lines=f"{filters}\n")
    assert warnings(hub_project) == []


def test_what_has_no_weights_at_all(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"config.json": b"{}", "a.txt": b""})
    write(hub_project, "org/name", lines='include = ["*.json"]\n')
    assert warnings(hub_project) == []
    hub.add_repo("org/name", FILES, lfs=LFS, repo_type="dataset")
    write(hub_project, "org/name", ', repo_type = "dataset"', 'include = ["*.json"]\n')
    assert warnings(hub_project) == []


@pytest.mark.parametrize("pin", ["files", "tree"])
@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        ("model.safetensors", lfs_pointer(b"weights"), "a Git LFS pointer"),
        ("tokenizer.json", lfs_pointer(b"{}"), "a Git LFS pointer"),
        ("config.json", b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "a web page"),
        ("model.bin", b"\xef\xbb\xbf \n<HTML lang=en>", "a web page"),
    ],
)
def test_files_that_are_something_else(  # noqa: PLR0913 (fixtures, and a row of the table)
    hub: Hub, hub_project: Project, path: str, content: bytes, what: str, *, pin: str
) -> None:
    hub.add_repo("org/name", {"a.json": b"{}", path: content})
    write(hub_project, "org/name", lines=f'pin = "{pin}"\n')
    (line,) = warnings(hub_project)
    assert line.startswith(f"m: {path!r} of org/name is {what}")
    assert f'exclude = ["{path}"]' in line
    assert hub_project.locked().pin.count == 2


def test_files_that_are_what_they_say(hub: Hub, hub_project: Project) -> None:
    page, text = b"<!DOCTYPE html><html></html>", b"see version https://git-lfs.github.com/spec/v1"
    hub.add_repo("org/name", {"docs/index.html": page, "README.md": page, "a.txt": text})
    write(hub_project, "org/name")
    assert warnings(hub_project) == []


def test_a_repository_that_is_renamed_after_it_was_locked(hub: Hub, hub_project: Project) -> None:
    """The pin stays; an update says it, though nothing else has changed."""
    hub.add_repo("old/name", FILES, lfs=LFS)
    write(hub_project, "old/name")
    assert warnings(hub_project) == []
    lock = hub_project.lock
    hub.rename("old/name", "new/name")
    assert warnings(hub_project) == []
    assert 'renamed to "new/name"' in hub_project.run("update").err
    assert hub_project.lock == lock
