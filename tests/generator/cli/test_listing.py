"""`list`, `show` and `du` without a store: what they say of locks, and how they show it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from aimodels_gen.columns import width_of
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.model import Lock
from generator import samples
from generator.cli.terminals import shown

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project

SHORT, LONG = "llama-2-7b", "a-model-with-a-name-that-is-longer-than-forty-columns-are"
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@pytest.fixture
def shelf(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a lock of all kinds of models, on a machine without Nix."""
    monkeypatch.setenv("PATH", "/nowhere")
    project.lock_file.write_text(lock_file.dumps(samples.lock()))
    return project


def data(project: Project, *command: str) -> Any:
    """Run a command with --json; return what it prints, which its schema allows."""
    found = json.loads(project.ok(*command, "--json"))
    schema = Draft202012Validator(json.loads(project.ok("schema", command[0])))
    assert [error.message for error in schema.iter_errors(found)] == []
    return found


def test_what_is_locked(shelf: Project) -> None:
    found = data(shelf, "list")
    assert [model["name"] for model in found["models"]] == sorted(samples.lock().models)
    (model,) = data(shelf, "list", SHORT)["models"]
    assert model == {
        "name": SHORT,
        "state": "locked",
        "kind": "huggingface",
        "source": "meta-llama/Llama-2-7b-hf",
        "ref": "main",
        "rev": samples.REV,
        "fileCount": 2,
        "size": 9976576152 + 609,
        "license": "llama2",
        "gated": "manual",
    }
    assert shelf.ok("list", SHORT).splitlines() == [
        "NAME        SOURCE                    REF   COMMIT   FILES     SIZE  LICENCE  GATED",
        f"{SHORT}  meta-llama/Llama-2-7b-hf  main  01c7f73      2  9.3 GiB  llama2   manual",
    ]
    assert samples.REV in shelf.ok("list", "-v")
    assert "no model named" in shelf.fails("list", "lama")
    assert "no model named" in shelf.fails("du", "lama")


def test_what_the_manifest_has_otherwise(hub: Hub, hub_project: Project) -> None:
    def source(name: str, more: str = "") -> str:
        return f'[models.{name}]\nsource.huggingface = {{ repo = "org/name"{more} }}\n'

    hub.add_repo("org/name", {"a": b"a"})
    hub_project.write(source("m10") + source("m9") + source("gone"))
    assert [model["state"] for model in data(hub_project, "list")["models"]] == ["unlocked"] * 3
    hub_project.ok("lock")
    hub_project.write(source("m10", ', ref = "v1"') + source("m9") + source("new"))
    models = {model["name"]: model["state"] for model in data(hub_project, "list")["models"]}
    assert list(models.items()) == [
        ("gone", "removed"),
        ("m9", "locked"),
        ("m10", "changed"),
        ("new", "unlocked"),
    ]
    lines = hub_project.ok("list").splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == [
        *("STATE", "not in the manifest", lines[2].rpartition("  ")[2], "changed", "not locked"),
        lines[5].rpartition("  ")[2],
    ]
    assert data(hub_project, "list", "new")["models"][0]["source"] == "org/name"
    said = hub_project.fails("show", "new")
    assert said.startswith("error: not locked yet: new of models.toml\nhint: ")
    assert "changed since it was locked" in hub_project.ok("show", "m10")
    hub_project.write("[models")
    done = hub_project.run("list")
    assert done.status == 0
    assert done.err.startswith("warning: ")
    (hub_project.dir / "models.lock").unlink()
    assert "there is no models.lock" in hub_project.run("list").err


def test_nothing(project: Project) -> None:
    project.write("")
    project.ok("lock")
    for command in ("list", "du"):
        done = project.run(command)
        assert (done.status, done.out, done.err) == (0, "", "no models\n")
        assert project.run(command, "-q").err == ""
        assert data(project, command)["models"] == []
    assert project.ok("show") == ""
    (project.dir / "models.lock").unlink()
    assert data(project, "list")["models"] == []


def test_all_that_is_known(shelf: Project) -> None:
    every = {model["name"]: model for model in data(shelf, "show")["models"]}
    assert list(every) == sorted(samples.lock().models)
    tree, elsewhere, hostile = every["or"], every["elsewhere"], every["hostile"]
    assert (tree["pin"], tree["tree"]["hash"]) == ("tree", samples.hash_of(3))
    assert tree["cacheName"] == "models--openai--x"
    assert elsewhere["fallbacks"] == ["a.example", "org/name"]
    assert [file["path"] for file in elsewhere["files"]] == [
        file["path"] for file in hostile["files"] if file["bundled"]
    ]
    assert "stored" not in elsewhere["files"][0]
    assert (hostile["include"], hostile["exclude"]) == (samples.HOSTILE, ["*.bin"])
    text = shelf.ok("show", SHORT)
    for words in (samples.REV, f"/tree/{samples.REV}\n", "  cache entry  models--meta-llama--"):
        assert words in text
    assert "\n2 files                           9.3 GiB\n" in text
    assert f"{1:064x}  yes\n" in text
    path = every[SHORT]["files"][1]["storePath"]
    assert path not in text
    assert path in shelf.ok("show", "-v", SHORT)


@pytest.mark.parametrize("columns", [40, 80, 400])
def test_nothing_is_lost_in_a_terminal(shelf: Project, columns: int) -> None:
    """Whatever its width: no word is cut or broken."""
    lock = {**samples.lock().models, LONG: replace(samples.plain(), name=LONG)}
    shelf.lock_file.write_text(lock_file.dumps(Lock(lock)))
    for command in ("list", "show", "du"):
        piped = shelf.ok(command)
        seen = _ESCAPE.sub("", shown(shelf, command, columns=columns))
        assert LONG in seen
        words = {word.upper() for word in seen.split()}
        assert {word.upper() for word in piped.split()} - {"NAME", "PATH"} <= words
        if command != "show":
            lines = [line for line in seen.splitlines() if width_of(line) > columns]
            assert all(line.strip() == LONG or columns < len(line.strip()) for line in lines)
            assert all(line.count("  ") < 3 for line in lines)
    if columns == 400:
        assert _ESCAPE.sub("", shown(shelf, "list", columns=columns)) == shelf.ok("list")


def test_bold_only_where_it_is_wanted(shelf: Project) -> None:
    assert "\x1b[1mNAME" in shown(shelf, "list")
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        for command in ("list", "show", "du"):
            assert "\x1b" not in shown(shelf, command, environment=variables)
    assert "\x1b" not in shelf.ok("list")


def test_the_locale_does_not_matter(shelf: Project) -> None:
    """Names of files are UTF-8, and reach a pipe as they are."""
    done = shelf.spawn("show", "elsewhere", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "café/日本/🤖.txt  " in done.stdout


def test_a_reader_that_goes_away(shelf: Project) -> None:
    for command in ("list", "show", "du"):
        reader, writer = os.pipe()
        os.close(reader)
        done = shelf.run_into(writer, command)
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, "")
