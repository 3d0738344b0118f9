"""`verify --store`: what the store has of pins, hashed again; and the cures of what is damaged."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.lock.model import TreePin
from aimodels_gen.store.paths import PinnedBundle, store_paths
from generator.stores import LFS, MANIFEST, PATH, build
from generator.verified import differences, report
from support.remedies import cures
from support.specs import sri

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy


def damage(path: Path) -> None:
    """Turn a bit of a file, as a bad disk would."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    path.chmod(0o444)


def of_store(project: Project, nix: NixEnv) -> tuple[Path, Path]:
    """Where the file and the bundle of the model are."""
    paths = store_paths(project.locked())
    (bundle,) = (path for path, item in paths.items() if isinstance(item, PinnedBundle))
    (file,) = set(paths) - {bundle}
    return nix.path(file), nix.path(bundle)


@cures("run `aimodels-gen prefetch …`")
def test_what_is_missing(
    hub_project: Project, repo: Repo, host_store: NixEnv, remedy: Remedy
) -> None:
    assert repo
    assert host_store
    hub_project.ok("lock")
    assert differences(report(hub_project, "--store")) == [("missing", "model.safetensors")]
    done = hub_project.run("verify", "--store")
    assert remedy(done.err) == ("m",)
    hub_project.follow(done.err)
    found = report(hub_project, "--store")
    (place,) = found["models"][0]["places"]
    assert place["compared"]["sha256"] == 3
    assert place["kind"] == "store"


@cures("run `aimodels-gen prefetch…`")
@pytest.mark.parametrize("count", [2, 6])
def test_what_several_models_miss_is_one_step(
    hub: Hub, hub_project: Project, host_store: NixEnv, remedy: Remedy, count: int
) -> None:
    """Whose names it has, if they are few."""
    assert host_store
    names = [f"m{number}" for number in range(count)]
    for name in names:
        hub.add_repo(f"org/{name}", {"a.safetensors": name.encode() * 99}, lfs=LFS)
    hub_project.write(
        "".join(f'[models.{name}]\nsource.huggingface.repo = "org/{name}"\n' for name in names)
    )
    hub_project.ok("lock")
    done = hub_project.run("verify", "--store")
    named = " m0 m1" if count == 2 else ""
    assert [line for line in done.err.splitlines() if line.startswith(("error:", "hint:"))] == [
        f"error: {count} models: not all files are in the store",
        f"hint: run `aimodels-gen prefetch{named}`",
    ]
    remedy(done.err)
    hub_project.follow(done.err)
    assert hub_project.run("verify", "--store").status == 0


@cures("delete it and fetch it again: `… && aimodels-gen prefetch …`")
def test_what_is_damaged(
    hub_project: Project,
    repo: Repo,
    host_store: NixEnv,
    remedy: Remedy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert repo
    hub_project.ok("lock")
    hub_project.ok("prefetch")
    file, bundle = of_store(hub_project, host_store)
    damage(file)
    member = min(bundle.iterdir())
    damage(member)
    found = report(hub_project, "--store")
    assert differences(found)[0] == ("damaged", "model.safetensors")
    assert differences(found)[1][0] == "damaged"
    assert len(differences(found)) == 2
    done = hub_project.run("verify", "--store")
    delete, name = remedy(done.err)
    subprocess.run(shlex.split(delete), check=True, capture_output=True)
    assert not file.exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(hub_project.dir / "empty"))
    hub_project.ok("prefetch", name)
    assert report(hub_project, "--store")["ok"]


def test_bundles_with_other_files(hub_project: Project, repo: Repo, host_store: NixEnv) -> None:
    """The bundle has changed, or else the lock."""
    assert repo
    hub_project.ok("lock")
    hub_project.ok("prefetch")
    whole = hub_project.lock_file.read_text()
    data = json.loads(whole)
    data["models"]["m"]["bundle"]["files"]["config.json"]["hash"] = sri(b"something else")
    hub_project.lock_file.write_text(json.dumps(data))
    found = differences(report(hub_project, "--store"))
    assert found == [("changed", "config.json"), ("changed", None)]

    hub_project.lock_file.write_text(whole)
    _, bundle = of_store(hub_project, host_store)
    bundle.chmod(0o755)
    member = min(bundle.iterdir())
    member.rename(bundle / ("0" * 64))
    kinds = differences(report(hub_project, "--store"))
    assert [kind for kind, _ in kinds] == ["damaged", "damaged"]
    assert sum(file is None for _, file in kinds) == 1


@pytest.mark.parametrize("layout", ["link", "copy"])
@cures("in use; repair it as root: `…`, or `nix build --repair` of what uses it")
def test_what_is_in_use(
    hub_project: Project, nix_store: NixEnv, repo: Repo, remedy: Remedy, layout: str
) -> None:
    """An entry that a root keeps: with links to the file, or with a copy of it."""
    assert repo
    hub_project.write(f'{MANIFEST}layout = "{layout}"\n')
    hub_project.ok("lock", "-o", "models.nix")
    out = build(nix_store, hub_project)
    (blob,) = (path for path in (out / "blobs").iterdir() if path.name.startswith("77b6"))
    damage(nix_store.path(blob.readlink()) if blob.is_symlink() else blob)
    found = [one for one in differences(report(hub_project, "--store")) if one[0] == "damaged"]
    assert found == [("damaged", "model.safetensors")]
    done = hub_project.run("verify", "--store")
    (repair,) = remedy(done.err)
    program, *arguments = shlex.split(repair)
    env = {"HF_ENDPOINT": hub_project.environment()["HF_ENDPOINT"], "PATH": PATH}
    nix_store.run(program, *arguments, env=env)
    assert "damaged" not in dict(differences(report(hub_project, "--store")))


def test_trees(hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo) -> None:
    assert repo
    hub.add_repo("org/plain", {"a.safetensors": b"a" * 9}, lfs=LFS)
    plain = '[models.plain]\nsource.huggingface = { repo = "org/plain" }\npin = "tree"\n'
    hub_project.write(f'{MANIFEST}pin = "tree"\n{plain}')
    hub_project.ok("lock")
    assert report(hub_project, "--store")["ok"]
    assert isinstance(hub_project.locked().pin, TreePin)
    (path,) = store_paths(hub_project.locked())
    blob = max((host_store.path(path) / "blobs").iterdir(), key=lambda one: one.stat().st_size)
    damage(blob)
    found = report(hub_project, "--store")
    assert differences(found) == [("damaged", None)]
    assert (
        f"(damaged: blobs/{blob.name})"
        in found["models"][0]["places"][0]["differences"][0]["message"]
    )


def test_without_nix(hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repo
    hub_project.ok("lock")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "there is no nix-store on PATH" in hub_project.fails("verify", "--store")
