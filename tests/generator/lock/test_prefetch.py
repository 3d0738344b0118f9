"""What `prefetch` takes from the store, what it downloads, and what it leaves for a later run."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.lock import partial_files
from aimodels_gen.lock.partial_files import PartialFiles, cache_directory
from support.environment import CHECKOUT
from support.fake_repo import BigFile, chunks, sha256
from support.hub import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub, Repo, Request
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1 << 20
WEIGHTS = BigFile(3 * MIB, seed=1)
README = b"# Changed\n" * 7
FILES: dict[str, Content] = {
    "README.md": b"# A model\n",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
}
LFS = ["*.safetensors"]
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


@pytest.fixture
def nix_store(nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of each Nix the one that is used, with its programs on PATH."""
    for variable, value in nix.variables().items():
        monkeypatch.setenv(variable, value)
    if nix.root is not None:
        programs = nix.real / "bin"
        programs.mkdir()
        for name in ("nix-store", "nix-instantiate"):
            command = f'PATH={PATH} exec {" ".join(nix.entry())} {name} "$@"'
            (programs / name).write_text(f"#!/bin/sh\n{command}\n")
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return nix


@pytest.fixture
def host_store(host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of `nix-store` an empty one."""
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(host_nix.dir / "cache"))
    return host_nix


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MANIFEST)
    return hub.add_repo("org/name", FILES, lfs=LFS)


def content(hub: Hub) -> int:
    """Bytes of files that the Hub has sent since the last time: no listings, no redirects."""
    sent = sum(
        r.sent_bytes
        for r in hub.log
        if not r.path.startswith("/api/models/") and r.status in {200, 206}
    )
    hub.clear()
    return sent


def model(project: Project, attribute: str = "m", bump: str = "") -> str:
    """The expression of a model of models.nix, over a nixpkgs whose stdenv has been changed."""
    return f"""
      let
        pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};
        stdenvNoCC = pkgs.stdenvNoCC // {{
          mkDerivation = attrs: pkgs.stdenvNoCC.mkDerivation (attrs // {{ stdenv = "{bump}"; }});
        }};
      in
      (import {project.dir}/models.nix {{
        pkgs = pkgs // {{
          inherit stdenvNoCC;
          buildPackages = pkgs.buildPackages // {{ inherit stdenvNoCC; }};
        }};
        inherit (import {CHECKOUT}/nix) fetchModel;
      }}).{attribute}
    """


def collect_garbage(nix: NixEnv) -> None:
    """Collect it; new releases fail over files that other programs have open."""
    for _ in range(5):
        if nix.run("nix-store", "--gc", env={"PATH": PATH}, check=False).returncode == 0:
            return
        time.sleep(1)
    pytest.fail("nix-store --gc failed five times")


def build(nix: NixEnv, project: Project, bump: str = "") -> Path:
    """Build the model behind the root `result`, and collect garbage."""
    command = ("nix-build", "-E", model(project, bump=bump), "-o", nix.dir / "result")
    out = nix.path(nix.run(*command, env={"PATH": PATH}).stdout.strip())
    collect_garbage(nix)
    return out


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


def spawned(project: Project, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", *args],
        env=project.environment(),
        cwd=project.dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def parts() -> list[Path]:
    directory = cache_directory() / "partial"
    return sorted(directory.iterdir()) if directory.is_dir() else []


BIG = BigFile(64 * MIB, seed=3)


@pytest.mark.parametrize("pin", ["files", "tree"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_download_goes_on(
    hub: Hub, hub_project: Project, host_store: NixEnv, pin: str, sent: signal.Signals
) -> None:
    """Each byte is sent once, but for the last few before a kill."""
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG, "config.json": b"{}"}, lfs=LFS)
    hub_project.write(MANIFEST)
    command = ["lock", "--pin", "tree"] if pin == "tree" else ["prefetch"]
    if pin == "files":
        hub_project.ok("lock")
    content(hub)
    most = 24 * MIB
    stopped, finished = threading.Event(), threading.Event()

    def stall(request: Request) -> Response | None:
        """Let no more parts come once enough have, so that there is something left."""
        if "/cdn/" in request.path and sum(r.sent_bytes for r in hub.log) > most:
            stopped.set()
            finished.wait(20)
        return None

    hub.faults = stall
    process = spawned(hub_project, *command)
    try:
        assert stopped.wait(20)
        time.sleep(1.5)  # for the note of what has come
        process.send_signal(sent)
        process.communicate(timeout=10)
    finally:
        process.kill()
        finished.set()
    hub.faults = lambda _: None
    assert len(parts()) == 1
    time.sleep(0.5)
    before = content(hub)
    assert before > most
    assert hub_project.run(*command).status == 0
    assert content(hub) < BIG.size - most + 9 * MIB
    assert parts() == []


def test_bytes_that_are_wrong_are_not_gone_on_with(
    hub: Hub, hub_project: Project, host_store: NixEnv
) -> None:
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    directory = cache_directory() / "partial" / sha256(BIG)
    directory.mkdir(parents=True)
    (directory / "model.safetensors").write_bytes(bytes(BIG.size // 2))
    (directory / ".notes").write_text(
        json.dumps({"size": BIG.size, "missing": [[BIG.size // 2, BIG.size]]})
    )
    (added,) = hub_project.ok("prefetch").split()
    assert hashlib.sha256(Path(added).read_bytes()).hexdigest() == sha256(BIG)
    assert parts() == []


@pytest.mark.parametrize(
    "notes",
    ["", "[]", "{}", '{"size": 1, "missing": []}', '{"size": 67108864, "missing": [[5, 1]]}'],
)
def test_notes_that_are_damaged(
    hub: Hub, hub_project: Project, host_store: NixEnv, notes: str
) -> None:
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    directory = cache_directory() / "partial" / sha256(BIG)
    directory.mkdir(parents=True)
    (directory / "another-name").write_bytes(b"x")
    (directory / ".notes").write_text(notes)
    assert len(hub_project.ok("prefetch").split()) == 1
    assert parts() == []


def test_two_processes_do_not_share_a_download(tmp_path: Path) -> None:
    with PartialFiles() as mine, PartialFiles() as theirs:
        target = mine.target("x.bin", "0" * 64, BIG.size)
        assert target
        assert theirs.target("x.bin", "0" * 64, BIG.size) is None
        target.path.write_bytes(b"x")
        mine.remove(target.path)
        assert not target.path.exists()
        assert theirs.target("x.bin", "0" * 64, BIG.size)
    assert mine.target("small", "1" * 64, 5) is None
    assert tmp_path.is_dir()


def test_old_downloads_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    with PartialFiles() as files:
        kept, old = (files.target("x", digit * 64, BIG.size) for digit in "01")
        assert kept
        assert old
    os.utime(old.path.parent, (0, 0))
    with PartialFiles():
        assert parts() == [kept.path.parent]
    monkeypatch.setattr(partial_files, "_KEPT_SECONDS", -1)
    with PartialFiles():
        assert parts() == []


@pytest.mark.parametrize("where", [os.devnull, ""])
def test_a_cache_that_cannot_be_written(
    hub: Hub, hub_project: Project, host_store: NixEnv, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    assert host_store
    hub.add_repo("org/name", {"model.safetensors": BIG}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    monkeypatch.setenv("XDG_CACHE_HOME", where)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert len(hub_project.ok("prefetch").split()) == 1
    assert not (hub_project.dir / "~").exists()


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
    assert called == ["nix-store", "nix-store", "nix-instantiate"]
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
