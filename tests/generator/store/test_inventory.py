"""What `list`, `show` and `du` find in real stores."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from generator.stores import FILES, LFS, MANIFEST, MIB, WEIGHTS, build, collect_garbage
from support.fake_repo import sha256

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project

OTHER = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
SMALL = sum(len(content) for content in FILES.values() if isinstance(content, bytes))
SIZE = 3 * MIB


def report(project: Project, *command: str) -> Any:
    """Run a command with --json; return what it prints, which its schema allows."""
    data = json.loads(project.ok(*command, "--json"))
    schema = json.loads(project.ok("schema", command[0]))
    assert [one.message for one in Draft202012Validator(schema).iter_errors(data)] == []
    assert not Draft202012Validator(schema).is_valid({**data, "lock": 1})
    return data


def stored(project: Project) -> list[str | None]:
    return [model.get("stored") for model in report(project, "list")["models"]]


def usage(project: Project, *names: str) -> Any:
    data = report(project, "du", *names)
    return [*data["models"], data["total"]]


def test_what_the_store_has(
    hub: Hub,
    hub_project: Project,
    host_store: NixEnv,
    repo: Repo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub_project.write(MANIFEST + 'layout = "link"\n')
    hub_project.ok("lock", "-o", "models.nix")
    assert stored(hub_project) == ["partly"]  # the bundle
    hub_project.ok("prefetch")
    hub.clear()
    assert stored(hub_project) == ["yes"]
    (model,) = report(hub_project, "show")["models"]
    assert {file["path"]: (file["bundled"], file["stored"]) for file in model["files"]} == {
        "README.md": (True, True),
        "config.json": (True, True),
        "model.safetensors": (False, True),
    }
    (weights,) = (file for file in model["files"] if not file["bundled"])
    assert weights["sha256"] == sha256(WEIGHTS)
    assert Path(weights["storePath"]).stat().st_size == weights["size"] == SIZE
    assert model["page"].endswith(f"/org/name/tree/{repo.sha}")
    assert model["rev"] == repo.sha
    assert f"  bundle       {host_store.store}/" in hub_project.ok("show")

    collect_garbage(host_store)
    assert stored(hub_project) == ["no"]
    assert hub.log == []
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        assert stored(hub_project) == [None]
        assert "STORED" not in hub_project.ok("list")
        assert "freeable" not in usage(hub_project)[0]


def test_a_nix_that_does_not_answer_is_warned_of(
    hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo
    hub_project.ok("lock")
    programs = hub_project.dir / "bin"
    programs.mkdir()
    (programs / "nix-store").write_text("#!/bin/sh\necho 'error: no luck' >&2\nexit 1\n")
    (programs / "nix-store").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    for command in ("list", "show", "du"):
        done = hub_project.run(command)
        assert done.status == 0
        assert done.err == (
            "warning: nix-store does not answer: no luck; it is not known what the store has\n"
        )


@pytest.mark.parametrize("layout", ["link", "copy"])
def test_what_garbage_collection_would_free(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo, layout: str
) -> None:
    """Through an entry that a root keeps: links keep their files, copies do not."""
    assert repo
    hub.add_repo("org/other", {"model.safetensors": WEIGHTS, "x.json": b"other"}, lfs=LFS)
    hub_project.write(f'[defaults]\nlayout = "{layout}"\n{MANIFEST}{OTHER}')
    hub_project.ok("lock", "-o", "models.nix")
    hub_project.ok("prefetch")
    size = SIZE + SMALL
    model, other, total = usage(hub_project)
    assert (model["size"], model["shared"]) == (size, SIZE)
    assert (model["stored"], model["duplicate"], model["freeable"]) == (size, 0, size)
    assert (other["size"], other["freeable"]) == (SIZE + 5, SIZE + 5)
    assert total == {
        "size": size + 5,
        "shared": SIZE,
        "stored": size + 5,
        "duplicate": 0,
        "freeable": size + 5,
    }
    assert usage(hub_project, "other")[0] == other

    build(nix_store, hub_project)  # and collects garbage
    hub_project.ok("prefetch")
    model, other, total = usage(hub_project)
    if layout == "link":
        assert (model["stored"], model["duplicate"], model["freeable"]) == (size, 0, 0)
        assert (other["freeable"], total["freeable"]) == (5, 5)
    elif nix_store.root is None:  # where we can look into the store
        assert (model["stored"], model["duplicate"], model["freeable"]) == (2 * size, size, size)
        assert total["freeable"] == size + 5
        collect_garbage(nix_store)
        model, other, total = usage(hub_project)
        assert (model["stored"], model["duplicate"], model["freeable"]) == (size, 0, 0)
        assert stored(hub_project) == ["yes", "no"]
        assert len(report(hub_project, "show", "m")["models"][0]["entries"]) == 1
        assert "\n  copied to    " in hub_project.ok("show", "m")


def test_outputs_that_derivations_keep(
    hub_project: Project, nix_store: NixEnv, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `keep-outputs`, garbage collection keeps what a kept entry was built from."""
    assert repo
    hub_project.ok("lock", "-o", "models.nix")
    build(nix_store, hub_project)
    hub_project.ok("prefetch")
    assert usage(hub_project)[0]["freeable"] == SIZE + SMALL
    monkeypatch.setenv("NIX_CONFIG", "keep-outputs = true\nkeep-derivations = true")
    assert usage(hub_project)[0]["freeable"] == 0


def test_nix_is_asked_once(
    hub_project: Project, host_store: NixEnv, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host_store
    assert repo
    hub_project.write(MANIFEST + 'layout = "link"\n')
    hub_project.ok("lock")
    called: list[str] = []
    run = subprocess.run

    def counting(command: Any, **options: Any) -> Any:
        called.append(command[0])
        return run(command, **options)

    monkeypatch.setattr("aimodels_gen.nix.store.subprocess.run", counting)
    hub_project.ok("list")
    assert called == ["nix-store"]


def test_a_tree(hub_project: Project, host_store: NixEnv, repo: Repo) -> None:
    assert repo
    hub_project.write(MANIFEST + 'pin = "tree"\n')
    hub_project.ok("lock")
    assert stored(hub_project) == ["yes"]
    (model,) = report(hub_project, "show")["models"]
    assert model["tree"]["storePath"].startswith(f"{host_store.store}/")
    assert model["tree"]["stored"]
    assert "files" not in model
    model, total = usage(hub_project)
    assert model["stored"] == model["freeable"] == model["size"] == total["size"] == SIZE + SMALL
