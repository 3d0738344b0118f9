"""`verify --cache-dir`: caches that huggingface_hub and mkCache made, against the lock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import snapshot_download

from generator.store.test_verify import damage
from generator.stores import MANIFEST, PATH, model
from generator.verified import differences, report
from support.environment import CHECKOUT
from support.remedies import cures

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

NAME = "models--org--name"


@pytest.fixture
def entry(hub_project: Project, repo: Repo) -> Path:
    """What huggingface_hub makes of the model, which is locked."""
    assert repo
    hub_project.ok("lock")
    snapshot_download("org/name", cache_dir="cache", endpoint=os.environ["HF_ENDPOINT"])
    return hub_project.dir / "cache" / NAME


def snapshot(entry: Path) -> Path:
    (found,) = (entry / "snapshots").iterdir()
    return found


def relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def test_a_cache_of_huggingface_hub(hub: Hub, hub_project: Project, entry: Path) -> None:
    """Nothing is asked of the Hub; other entries are not looked at."""
    shutil.copytree(entry, entry.with_name("models--org--other"), symlinks=True)
    damage(next((entry.with_name("models--org--other") / "blobs").iterdir()))
    hub.clear()
    found = report(hub_project, "--cache-dir", "cache")
    assert not hub.log
    (place,) = found["models"][0]["places"]
    assert (place["kind"], place["compared"]["sha256"]) == ("cache", 3)
    (hub_project.dir / "home").mkdir()
    entry.parent.rename(hub_project.dir / "home" / "hub")
    assert report(hub_project, "--cache-dir", "home")["ok"]  # what HF_HOME names


CHANGES: dict[str, tuple[Callable[[Path], object], list[tuple[str, str | None]]]] = {
    "ref": (lambda e: (e / "refs/main").write_text("0" * 40), [("changed", None)]),
    "no ref": (lambda e: (e / "refs/main").unlink(), [("missing", None)]),
    "damaged blob": (
        lambda e: damage((snapshot(e) / "config.json").resolve()),
        [("damaged", "config.json")],
    ),
    "broken link": (
        lambda e: (snapshot(e) / "model.safetensors").resolve().unlink(),
        [("damaged", "model.safetensors")],
    ),
    "link elsewhere": (
        lambda e: relink(snapshot(e) / "config.json", "/etc/hostname"),
        [("changed", "config.json"), ("extra", None), ("damaged", "config.json")],
    ),
    "link to another blob": (
        lambda e: relink(snapshot(e) / "config.json", str((snapshot(e) / "README.md").readlink())),
        [("extra", None), ("damaged", "config.json")],
    ),
    "missing file": (
        lambda e: (snapshot(e) / "config.json").unlink(),
        [("missing", "config.json"), ("extra", None)],
    ),
    "extra file": (lambda e: (snapshot(e) / "x").write_text("x"), [("extra", "x")]),
    "unfinished": (lambda e: (e / "blobs/0.incomplete").write_text("x"), [("extra", None)]),
    "no snapshot": (
        lambda e: shutil.rmtree(e / "snapshots"),
        [("missing", None), *[("extra", None)] * 3],
    ),
    "no entry": (shutil.rmtree, [("missing", None)]),
    "entry is a broken link": (
        lambda e: e.rename(e.with_name("moved")) and e.symlink_to("nowhere"),  # type: ignore[func-returns-value]
        [("damaged", None)],
    ),
}


def test_what_differs(hub_project: Project, entry: Path) -> None:
    """Each change by itself, to a copy of the cache."""
    for name, (change, expected) in CHANGES.items():
        copy = hub_project.dir / name / NAME
        shutil.copytree(entry, copy, symlinks=True)
        change(copy)
        assert differences(report(hub_project, "--cache-dir", name)) == expected, name


@cures("download it again: `…`")
def test_what_is_damaged_is_downloaded_again(
    hub_project: Project, entry: Path, remedy: Remedy
) -> None:
    secret = hub_project.dir / "mine.txt"
    secret.write_text("mine")
    damage((snapshot(entry) / "model.safetensors").resolve())
    relink(snapshot(entry) / "config.json", str(secret))
    (snapshot(entry) / "README.md").unlink()
    done = hub_project.run("verify", "--cache-dir", "cache")
    (commands,) = remedy(done.err)
    path = f"{Path(sys.executable).parent}:{PATH}"
    env = {**os.environ, "PATH": path, "HF_HUB_DISABLE_XET": "1"}
    subprocess.run(["bash", "-c", commands], check=True, env=env, capture_output=True)
    assert report(hub_project, "--cache-dir", "cache")["ok"]
    assert secret.read_text() == "mine"


@cures("it is in the store: run `aimodels-gen verify --store`")
def test_a_cache_of_links_to_the_store(
    hub_project: Project, host_store: NixEnv, repo: Repo, remedy: Remedy
) -> None:
    """As mkCache makes it, and the modules: entries are links to the store."""
    assert repo
    hub_project.write(f'{MANIFEST}layout = "link"\n')
    hub_project.ok("lock", "-o", "models.nix")
    cache = f"(import {CHECKOUT}/nix).integration.mkCache pkgs [ m ]"
    expression = f"""
      let pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};
          m = {model(hub_project)}; in {cache}
    """
    out = host_store.build(expression, env={"PATH": PATH})
    assert report(hub_project, "--cache-dir", str(out))["ok"]
    snapshots = out / "hub" / NAME / "snapshots"
    damage((next(snapshots.iterdir()) / "config.json").resolve())
    done = hub_project.run("verify", "--cache-dir", str(out))
    assert done.status == 1
    remedy(done.err)
    assert hub_project.run("verify", "--store").status == 1


@cures("name the one that has the entries models--ORG--NAME, such as ~/.cache/huggingface/hub")
def test_no_such_directory(hub_project: Project, entry: Path, remedy: Remedy) -> None:
    said = hub_project.fails("verify", "--cache-dir", "nowhere")
    assert "there is no directory nowhere" in said
    remedy(said)
    assert report(hub_project, "--cache-dir", str(entry.parent))["ok"]


def test_all_modes_at_once(hub_project: Project, entry: Path, host_store: NixEnv) -> None:
    assert entry
    assert host_store
    hub_project.ok("prefetch")
    found = report(hub_project, "--sources", "--store", "--cache-dir", "cache")
    places = [place["kind"] for place in found["models"][0]["places"]]
    assert places == ["source", "store", "cache"]
