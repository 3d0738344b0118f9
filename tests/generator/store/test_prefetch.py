"""What `prefetch` takes from the store, what it downloads, and what it leaves for a later run."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from generator.stores import (
    FILES,
    LFS,
    MANIFEST,
    MIB,
    README,
    WEIGHTS,
    build,
    collect_garbage,
    content,
    model,
)
from support.environment import CHECKOUT
from support.fake_repo import BigFile, chunks, sha256
from support.hub import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy


@pytest.mark.parametrize("layout", ["link", "copy"])
def test_nothing_that_the_store_has_is_fetched_again(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo, layout: str
) -> None:
    """After garbage collection, an update of a README and a new nixpkgs: the README comes."""
    hub_project.write(MANIFEST + f'layout = "{layout}"\n')
    hub_project.ok("lock", "-o", "models.nix")
    build(nix_store, hub_project)
    repo.commit({**FILES, "README.md": README})
    content(hub)
    hub_project.ok("update", "-o", "models.nix")
    assert content(hub) == len(README)  # the Hub has no sha256 of small files
    if layout == "copy":
        hub_project.ok("prefetch")
    out = build(nix_store, hub_project)
    assert content(hub) == 0  # it is in the bundle, which the lock has added
    files = nix_store.contents(out / "snapshots" / repo.sha)
    assert files["README.md"] == README
    assert files["model.safetensors"] == b"".join(chunks(WEIGHTS))

    if layout == "copy":
        hub_project.ok("prefetch")
    assert build(nix_store, hub_project, bump="another") != out
    assert content(hub) == 0


def test_update_prefetches_what_has_changed(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo
) -> None:
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=LFS)
    other = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
    hub_project.write(MANIFEST + other)
    hub_project.ok("lock", "-o", "models.nix")
    build(nix_store, hub_project)
    repo.commit({**FILES, "README.md": README})
    hub.clear()
    done = hub_project.run("update", "--prefetch", "-o", "models.nix")
    assert done.status == 0
    assert done.out == ""
    assert "m  2 paths: 1 taken from other paths in the store, 1 there already" in done.err
    assert "\nother " not in done.err
    hub.clear()
    build(nix_store, hub_project)
    assert content(hub) == 0


def test_many_small_files_are_added_at_once(
    hub: Hub, hub_project: Project, host_store: NixEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host_store
    files = {f"{n}.json": b"%d" % n for n in range(36)}
    repo = {**files, "again/1.json": b"1", "copy-of-1.json": b"1"}
    hub.add_repo("org/name", repo, lfs=["*"])
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    called: list[str] = []
    run = subprocess.run

    def counting(command: Any, **options: Any) -> Any:
        called.append(command[0])
        return run(command, **options)

    monkeypatch.setattr("aimodels_gen.nix.store.subprocess.run", counting)
    content(hub)
    done = hub_project.run("prefetch")
    assert done.status == 0
    # Of two paths with one content, Nix makes the second from the first.
    assert len(done.out.split()) == 37
    assert "37 paths: 36 downloaded, 1 taken from other paths in the store" in done.err
    # Nix begins while others are on their way, and a slow machine needs more calls.
    assert set(called) == {"nix-store", "nix-instantiate"}
    assert len(called) < 12
    assert content(hub) == sum(map(len, files.values()))
    assert "37 paths: 37 there already" in hub_project.run("prefetch").err


def test_what_is_whole_is_kept_when_another_file_fails(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo
) -> None:
    assert host_store
    assert repo
    hub_project.ok("lock")
    hub.faults = lambda request: Response(404) if "/cdn/" in request.path else None
    assert hub_project.run("prefetch").status == 1
    hub.faults = lambda _: None
    done = hub_project.run("prefetch")
    assert "1 there already" in done.err


@cures("the pins are written, but not all files are in the store: `…` goes on")
def test_prefetch_goes_on_where_lock_could_not(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo, remedy: Remedy
) -> None:
    """The pins are whole by then, and another `lock --prefetch` would see no change."""
    assert host_store
    assert repo
    hub.faults = lambda request: Response(404) if "/cdn/" in request.path else None
    failed = hub_project.run("lock", "--prefetch", "-o", "models.nix")
    assert failed.status == 1
    assert "wrote models.lock, models.nix" in failed.err
    assert remedy(failed.err) == ("aimodels-gen prefetch",)
    hub.faults = lambda _: None
    hub_project.follow(failed.err)
    assert hub_project.run("prefetch").err.startswith("m  2 paths: 2 there already")


@pytest.mark.parametrize("donor", ["renamed model", "tree", "renamed file", "cache"])
def test_where_the_content_is(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo, donor: str
) -> None:
    """In an entry that has another name, kind or layout, or as another file."""
    hub_project.write(MANIFEST + ('pin = "tree"\n' if donor == "tree" else ""))
    hub_project.ok("lock", "-o", "models.nix")
    if donor == "cache":
        link = f"(import {CHECKOUT}/nix).integration.mkCache pkgs [ m.copied ]"
        expression = f"""
          let pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};
              m = {model(hub_project)}; in {link}
        """
        host_store.run("nix-build", "-E", expression, "-o", host_store.dir / "result")
        collect_garbage(host_store)
    else:
        build(host_store, hub_project)
    name = "renamed" if donor in {"renamed model", "cache"} else "m"
    hub_project.write(MANIFEST.replace("models.m", f"models.{name}"))
    if donor == "renamed file":
        repo.commit({**FILES, "other.safetensors": WEIGHTS})
    hub_project.ok("lock", "-U", "--pin", "files")
    content(hub)
    hub_project.ok("prefetch")
    assert content(hub) == 0


def test_a_file_that_is_renamed_upstream(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo
) -> None:
    """It is in the store under its old name, which no entry was built of."""
    assert host_store
    hub_project.ok("lock", "--prefetch")
    repo.commit({"renamed.safetensors": WEIGHTS})
    hub.clear()
    hub_project.ok("update", "--prefetch")
    assert content(hub) == 0


def test_a_tree_takes_weights_from_the_store(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo
) -> None:
    hub_project.ok("lock", "-o", "models.nix")
    build(host_store, hub_project)
    repo.commit({**FILES, "README.md": README})
    content(hub)
    hub_project.ok("lock", "-U", "--pin", "tree", "-o", "models.nix")
    assert content(hub) == len(README)
    build(host_store, hub_project)
    assert content(hub) == 0


def test_a_damaged_entry_is_not_trusted(
    hub_project: Project, host_store: NixEnv, repo: Repo
) -> None:
    assert repo
    hub_project.ok("lock", "-o", "models.nix")
    out = build(host_store, hub_project)
    blob = out / "blobs" / sha256(WEIGHTS)
    blob.chmod(0o644)
    blob.write_bytes(bytes(WEIGHTS.size))
    done = hub_project.run("prefetch")
    assert done.status == 0
    assert f"warning: {blob} is damaged or was removed; downloading model.safetensors" in done.err
    assert "2 paths: 1 downloaded, 1 taken from the cache" in done.err
    host_store.run("nix-store", "--verify-path", *done.out.split())


def test_roots(hub_project: Project, nix_store: NixEnv, repo: Repo) -> None:
    hub_project.ok("lock")
    for _ in range(2):
        hub_project.ok("prefetch", "--root", "kept")
        links = sorted((hub_project.dir / "kept" / "m").iterdir())
        assert len(links) == len(("model.safetensors", "bundle"))
        collect_garbage(nix_store)
        assert all(link.exists() for link in links)
    # Of what is no longer pinned, the roots go.
    old = {str(link.readlink()) for link in links}
    repo.commit({"model.safetensors": WEIGHTS})
    hub_project.ok("update")
    hub_project.ok("prefetch", "--root", "kept")
    (link,) = (hub_project.dir / "kept" / "m").iterdir()
    assert str(link.readlink()) in old
    (hub_project.dir / "kept" / "m" / "1").unlink()
    (hub_project.dir / "kept" / "m" / "1").write_text("mine")
    assert "could not make roots in" in hub_project.fails("prefetch", "--root", "kept")
    assert (hub_project.dir / "kept" / "m" / "1").read_text() == "mine"
