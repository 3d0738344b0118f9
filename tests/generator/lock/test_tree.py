"""Tree pins and `prefetch`, with the bundled fetcher and a real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.nix import store
from aimodels_gen.nix import store_path as store_paths
from generator.helpers import evaluate, names_in
from generator.samples import HOSTILE
from support.disk import small_disk
from support.environment import CHECKOUT
from support.hub import BigFile, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fake_repo import Content
    from support.hub import Hub, Repo, Request
    from support.nix import NixEnv
    from support.project import Project

FILES = {"config.json": b"{}", "sub/vocab.txt": b"a\n", "model.safetensors": b"weights" * 9}
LFS = ["*.safetensors"]
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MANIFEST)
    return hub.add_repo("org/name", FILES, lfs=LFS)


@pytest.fixture
def nix_store(host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of `nix-store` an empty one."""
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    return host_nix


@pytest.fixture
def no_nix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hide Nix; temporary directories are made in the path that is returned."""
    monkeypatch.setattr(store, "have_nix", lambda: False)
    monkeypatch.setenv("NIX_STORE_DIR", str(tmp_path / "work" / "store"))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def store_path(env: NixEnv, model: Any, name: str) -> Path:
    identity = {
        "type": "huggingface",
        "repo": "org/name",
        "rev": model["source"]["huggingface"]["rev"],
        "ref": "main",
        "repoType": "model",
        "include": model.get("include"),
        "exclude": model.get("exclude", []),
        "integration": model["integration"]["enable"],
    }
    tree_name = store_paths.tree_name(name, identity)
    return Path(
        store_paths.store_path("recursive", model["tree"]["hash"], tree_name, str(env.store))
    )


def leftovers(directory: Path) -> list[str]:
    return [name for name in names_in(directory) if name.startswith(".aimodels-gen")]


def test_a_tree_goes_into_the_store_under_its_derivations_name(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo
) -> None:
    printed = hub_project.ok("lock", "--pin", "tree")
    model = hub_project.lock["m"]
    assert "files" not in model
    assert (model["tree"]["count"], model["tree"]["size"]) == (3, 67)
    assert f'hash = "{model["tree"]["hash"]}";' in printed

    path = store_path(nix_store, model, "m")
    assert nix_store.run("nix-store", "--check-validity", path).returncode == 0
    assert (path / "refs" / "main").read_text() == repo.sha
    found = {name: (path / "snapshots" / repo.sha / name).read_bytes() for name in FILES}
    assert found == FILES
    assert leftovers(nix_store.dir) == []

    # The pin is kept, tree as it is, by a lock that does not say --pin.
    hub.clear()
    assert hub_project.ok("lock") == printed
    assert hub.log == []
    assert hub_project.ok("lock", "--pin", "files") != printed
    assert "files" in hub_project.lock["m"]


def test_without_nix_there_is_the_hash(hub_project: Project, no_nix: Path, repo: Repo) -> None:
    hub_project.write(MANIFEST + 'pin = "tree"\nexclude = ["sub/*"]\n')
    printed = hub_project.ok("lock")
    assert repo.sha in printed
    assert 'exclude = [ "sub/*" ];' in printed
    assert hub_project.lock["m"]["tree"]["count"] == 2
    assert names_in(no_nix) == []


@pytest.mark.usefixtures("repo", "no_nix")
def test_a_tree_without_integration_is_another(hub_project: Project) -> None:
    tree = MANIFEST + 'pin = "tree"\n'
    hub_project.write(tree)
    hub_project.ok("lock")
    first = hub_project.lock["m"]["tree"]["hash"]
    hub_project.write(tree + "integration.huggingface.enable = false\n")
    hub_project.ok("lock")
    assert hub_project.lock["m"]["tree"]["hash"] != first


@pytest.mark.usefixtures("no_nix")
def test_an_upgrade_fetches_a_tree_only_if_its_ref_has_moved(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    first = hub_project.ok("lock", "--pin", "tree")
    hub.clear()
    assert hub_project.ok("lock", "-U") == first
    assert all(request.path.startswith("/api/models/") for request in hub.log)
    repo.commit({**FILES, "config.json": b"{ }"})
    hub.clear()
    assert hub_project.ok("lock", "-U") != first
    assert any("/resolve/" in request.path for request in hub.log)


@pytest.mark.usefixtures("repo")
def test_a_store_that_refuses_costs_no_hash(
    hub_project: Project, no_nix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_project.ok("lock", "--pin", "tree")
    expected = hub_project.lock
    hub_project.lock_file.unlink()
    for name in ("nix-store", "nix-instantiate"):
        (hub_project.dir / name).write_text("#!/bin/sh\necho error: no daemon >&2\nexit 1\n")
        (hub_project.dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(hub_project.dir), prepend=os.pathsep)
    monkeypatch.setattr(store, "have_nix", lambda: True)
    result = hub_project.run("lock", "--pin", "tree")
    assert result.status == 0
    assert "error: no daemon, so building it will download it again" in result.err
    assert hub_project.lock == expected
    assert names_in(no_nix) == []


@pytest.mark.usefixtures("repo")
def test_the_fetchers_failure_is_ours(hub: Hub, hub_project: Project, no_nix: Path) -> None:
    def alter(request: Request) -> Response | None:
        return Response(200, body=b"[]") if request.path.endswith("config.json") else None

    hub.faults = alter
    error = hub_project.fails("lock", "--pin", "tree")
    assert error.startswith("error: m: ")
    assert "config.json" in error
    assert not hub_project.lock_file.exists()
    assert names_in(no_nix) == []


def test_prefetch_fills_the_store_with_what_is_locked(
    hub: Hub, hub_project: Project, nix_store: NixEnv
) -> None:
    odd = {name: name.encode() for name in HOSTILE}
    hub.add_repo("org/name", {**FILES, **odd}, lfs=LFS)
    hub.add_repo("org/whole", FILES, lfs=LFS)
    tree = '[models.t]\nsource.huggingface = { repo = "org/whole" }\npin = "tree"\n'
    hub_project.write(MANIFEST + tree)
    hub_project.ok("lock")
    locked = hub_project.lock
    added = hub_project.ok("prefetch").splitlines()
    expected = {
        store_paths.store_path(
            "flat", file["hash"], store_paths.file_name(path), str(nix_store.store)
        ): path
        for path, file in locked["m"]["files"].items()
    }
    # The tree and the bundle are in the store since they were locked.
    assert set(added) == set(expected)
    bundle = locked["m"]["bundle"]
    stored = Path(
        store_paths.store_path("recursive", bundle["hash"], "bundle", str(nix_store.store))
    )
    read = {
        path: (stored / sri_to_hex(file["hash"])).read_bytes()
        for path, file in bundle["files"].items()
    }
    read |= {expected[path]: Path(path).read_bytes() for path in added}
    assert read == {**FILES, **odd}
    nix_store.run("nix-store", "--verify-path", *added)
    assert leftovers(nix_store.dir) == []
    hub.clear()
    assert hub_project.ok("prefetch", "m") == ""
    assert hub.log == []


def test_trees_and_files_from_the_second_of_two_endpoints(
    hub: Hub,
    hub_project: Project,
    nix_store: NixEnv,
    repo: Repo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is down, and the one for the token."""
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    source = f'repo = "org/name", endpoint = ["http://127.0.0.1:1", "{hub.url}"]'
    manifest = MANIFEST.replace('repo = "org/name"', source)
    hub_project.write(manifest + manifest.replace("models.m", "models.t") + 'pin = "tree"\n')
    hub_project.ok("lock")
    path = store_path(nix_store, hub_project.lock["t"], "t")
    assert (path / "snapshots" / repo.sha / "config.json").read_bytes() == FILES["config.json"]
    added = hub_project.ok("prefetch", "m").splitlines()
    assert {Path(path).read_bytes() for path in added} == {FILES["model.safetensors"]}
    assert {request.token for request in hub.log} == {None}


def test_derivations_ask_for_the_paths_that_were_added(
    hub: Hub, hub_project: Project, nix_store: NixEnv
) -> None:
    """The point of it all: what the library's derivations are called is there already."""
    odd = {name: name.encode() for name in HOSTILE}
    hub.add_repo("org/name", {**FILES, **odd}, lfs=LFS)
    source = MANIFEST.partition("\n")[2] + "exclude = ['\"', 'é${x}\\n', \"\\n\"]\n"
    hub_project.write(
        f"[models.files]\n{source}"
        f"[models.or]\n{source}pin = 'tree'\n"
        f"[models.plain]\n{source}pin = 'tree'\nintegration.huggingface.enable = false\n"
    )
    hub_project.ok("lock", "-o", "models.nix")
    added = hub_project.ok("prefetch").splitlines()
    found = evaluate(
        f"""
        let
          models = import ./models.nix {{
            pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = builtins.currentSystem; }};
            inherit (import {CHECKOUT}/nix) fetchModel;
          }};
        in {{
          files = map (blob: blob.outPath) (
            builtins.filter (blob: blob ? outputHash) (builtins.attrValues models.files.blobs)
          );
          bundle = models.files.bundle.outPath;
          trees = [ models."or".outPath models.plain.outPath ];
        }}
        """,
        hub_project.dir,
    )
    assert found["files"] == added
    stored = (*added, found["bundle"], *found["trees"])
    nix_store.run("nix-store", "--check-validity", *stored)


@pytest.mark.usefixtures("nix_store")
def test_prefetch_of_a_tree_that_moved(
    hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "have_nix", lambda: False)
        hub_project.ok("lock", "--pin", "tree")
    # The same commit with other content cannot be had from git, but from a broken server.
    commits = repo.commits[repo.sha]
    repo.commit({**FILES, "config.json": b"other"})
    commits.update(repo.commits[repo.sha])
    error = hub_project.fails("prefetch")
    assert "m: it is pinned to sha256-" in error
    assert "but its source now has sha256-" in error
    assert "a commit does not change" in error
    lock = json.loads(hub_project.lock_file.read_text())
    del lock["models"]["m"]
    hub_project.lock_file.write_text(json.dumps(lock))
    hub_project.follow(error)
    hub_project.ok("prefetch")


@pytest.fixture
def full_store(tmp_path: Path, host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The disk of a store, which has room for its database and little more."""
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        for variable, value in host_nix.variables().items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("NIX_STORE_DIR", str(disk / "store"))
        monkeypatch.setenv("NIX_STATE_DIR", str(tmp_path / "state"))
        (disk / "store").mkdir()
        yield disk


BIG: dict[str, Content] = {"config.json": b"{}", "model.safetensors": BigFile(6 << 20, seed=1)}


@pytest.mark.parametrize("command", ["lock", "prefetch"])
def test_a_store_that_is_full(
    hub: Hub, hub_project: Project, full_store: Path, command: str
) -> None:
    """The reason, what to do, and all is as it was before."""
    hub.add_repo("org/name", BIG, lfs=LFS)
    hub_project.write(MANIFEST)
    pin = ["--pin", "tree"] if command == "lock" else []
    if command == "prefetch":
        hub_project.ok("lock")
    before = {name: (hub_project.dir / name).read_bytes() for name in files_in(hub_project.dir)}
    error = hub_project.fails(command, *pin)
    assert "free, but" in error or "disk is full" in error or "No space left" in error
    assert "free some space" in error
    after = {name: (hub_project.dir / name).read_bytes() for name in files_in(hub_project.dir)}
    assert after == before
    assert leftovers(full_store) == []


def test_reading_needs_little_room(
    hub: Hub, hub_project: Project, full_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is hashed to be pinned is not kept: only as much as is read ahead."""
    monkeypatch.setattr("aimodels_fetcher.verification._DISCARD_BYTES", 1 << 20)
    monkeypatch.setattr("aimodels_fetcher.targets._SCRATCH_PART", 1 << 20)
    monkeypatch.setattr("aimodels_fetcher.targets._SCRATCH_AHEAD", 2 << 20)
    hub.add_repo("org/name", {"big.txt": BigFile(12 << 20, seed=1)})
    hub_project.write(MANIFEST)
    hub_project.ok("lock", "-j", "1")
    assert leftovers(full_store) == []


def files_in(directory: Path) -> list[str]:
    return [name for name in names_in(directory) if (directory / name).is_file()]


def test_prefetch_says_what_it_lacks(hub_project: Project, repo: Repo, no_nix: Path) -> None:
    assert repo.sha
    assert no_nix.is_dir()
    assert "run `aimodels-gen lock models.toml` first" in hub_project.fails("prefetch")
    hub_project.ok("lock")
    assert "no model named x" in hub_project.fails("prefetch", "x")
    assert "there is no nix-store on PATH" in hub_project.fails("prefetch")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_tree_leaves_nothing(
    hub: Hub, hub_project: Project, no_nix: Path, sent: signal.Signals, status: int
) -> None:
    hub.add_repo("org/name", {"model.safetensors": BigFile(64 << 20, seed=1)}, lfs=LFS)
    hub_project.write(MANIFEST)
    downloading, finished = threading.Event(), threading.Event()

    def stall(request: Request) -> Response | None:
        if "/cdn/" not in request.path:
            return None
        downloading.set()
        finished.wait(20)
        return None

    hub.faults = stall
    process = subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", "lock", "--pin", "tree"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=hub_project.dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert downloading.wait(20)
        assert leftovers(no_nix) != []
        process.send_signal(sent)
        out, err = process.communicate(timeout=5)
    finally:
        finished.set()
        process.kill()
    assert (process.returncode, out) == (status, "")
    assert "Traceback" not in err
    assert names_in(no_nix) == []
    assert not hub_project.lock_file.exists()
