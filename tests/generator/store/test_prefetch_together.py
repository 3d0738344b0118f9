"""Prefetching several models: all at once, the others where one fails, and after kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from aimodels_fetcher.resumable import ResumableTarget
from aimodels_gen.cache import cache_directory
from generator.sources.buckets import INTEGRATION
from generator.stores import LFS, MIB, PATH, collect_garbage, content
from support.environment import CHECKOUT
from support.fake_repo import BigFile, sha256
from support.hub import Response

if TYPE_CHECKING:
    import pytest

    from support.fake_repo import Content
    from support.hub import Hub, Request
    from support.nix import NixEnv
    from support.project import Project

FILES: dict[str, dict[str, Content]] = {
    "a": {"a.safetensors": BigFile(2 * MIB, seed=11), "config.json": b"{}"},
    "b": {"b.safetensors": BigFile(3 * MIB, seed=12), "small.safetensors": b"b" * 900},
    "wood": {"t.safetensors": BigFile(2 * MIB, seed=13), "config.json": b'{"tree": 1}'},
}
TOTAL = sum(len(file) for files in FILES.values() for file in files.values())


def lock(hub: Hub, project: Project, nix: NixEnv) -> None:
    """Lock all models; the store and the cache are empty then."""
    entries = []
    for name, files in FILES.items():
        hub.add_repo(f"org/{name}", files, lfs=LFS)
        pin = '\npin = "tree"' if name == "wood" else ""
        entries.append(f'[models.{name}]\nsource.huggingface.repo = "org/{name}"{pin}\n')
    project.write("\n".join(entries))
    project.ok("lock", "-o", "models.nix")
    forget(nix)
    hub.clear()


def forget(nix: NixEnv) -> None:
    collect_garbage(nix)
    subprocess.run(["rm", "-rf", cache_directory()], check=True)


def report(text: str) -> Any:
    document = json.loads(text)
    published = (CHECKOUT / "docs" / "schema" / "prefetch.json").read_text()
    Draft202012Validator(json.loads(published)).validate(document)
    return document


def left(nix: NixEnv) -> list[str]:
    """What runs have left next to the store, and of downloads."""
    partial = cache_directory() / "partial"
    parts = [path.name for path in partial.iterdir()] if partial.is_dir() else []
    return [*parts, *(p.name for p in nix.dir.iterdir() if p.name.startswith(".aimodels-gen"))]


def test_trees_and_files_come_in_one_run(hub: Hub, hub_project: Project, nix_store: NixEnv) -> None:
    lock(hub, hub_project, nix_store)
    done = hub_project.run("prefetch", "--json")
    assert done.status == 0, done.err
    assert content(hub) == TOTAL
    found = report(done.out)
    assert [model["name"] for model in found["models"]] == ["a", "b", "wood"]
    assert found["downloaded"] == {"paths": 5, "bytes": TOTAL}
    assert found["missing"] == found["reused"] == {"paths": 0, "bytes": 0}
    paths = [path["path"] for model in found["models"] for path in model["paths"]]
    nix_store.run("nix-store", "--verify-path", *paths, env={"PATH": PATH})
    assert left(nix_store) == []
    found = report(hub_project.ok("prefetch", "--json", "b"))
    assert found["present"] == {"paths": 2, "bytes": 3 * MIB + 900}


def test_small_files_come_from_the_cache(
    hub: Hub, hub_project: Project, host_store: NixEnv
) -> None:
    """Those that have a path of their own, too: a killed run may not have added them."""
    lock(hub, hub_project, host_store)
    hub_project.ok("prefetch")
    collect_garbage(host_store)
    content(hub)
    found = report(hub_project.ok("prefetch", "--json", "b"))
    assert found["cached"] == {"paths": 1, "bytes": 900}
    assert content(hub) == 3 * MIB


def test_the_others_go_on(hub: Hub, hub_project: Project, host_store: NixEnv) -> None:
    lock(hub, hub_project, host_store)

    def refuse(request: Request) -> Response | None:
        if "/org/a/" in request.path or "/models/org/wood" in request.path:
            return Response(403, {"X-Error-Code": "GatedRepo"}, b"")
        return None

    hub.faults = refuse
    done = hub_project.run("prefetch", "--json")
    assert done.status == 1
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert [error.split(":")[1].strip() for error in errors] in (["a, wood"], ["a", "wood"])
    assert "b     2 paths: 2 downloaded" in done.err
    assert "2 missing" in done.err
    found = report(done.out)
    assert found["downloaded"] == {"paths": 2, "bytes": 3 * MIB + 900}
    assert found["missing"]["paths"] == 3
    assert len(found["errors"]) == len(errors)
    hub.faults = lambda _: None
    content(hub)
    hub_project.ok("prefetch")
    assert content(hub) == TOTAL - 3 * MIB - 900


def test_a_file_that_is_gone_leaves_the_rest_of_its_model(
    hub: Hub, hub_project: Project, host_store: NixEnv
) -> None:
    lock(hub, hub_project, host_store)
    hub.faults = lambda r: Response(404) if "small.safetensors" in r.path else None
    done = hub_project.run("prefetch", "b")
    assert done.status == 1
    assert "b  2 paths: 1 downloaded, 1 missing" in done.err
    assert len(done.out.split()) == 1


def test_offline_the_hub_fails_and_the_others_go_on(
    hub: Hub, hub_project: Project, host_store: NixEnv
) -> None:
    """One has a file of a model of the Hub, at an address of its own."""
    lock(hub, hub_project, host_store)
    other = f'source.url.files = {{ "x.bin" = "{hub.url}/org/a/resolve/main/a.safetensors" }}'
    manifest = (hub_project.dir / "models.toml").read_text()
    hub_project.write(f"{manifest}\n[models.u]\n{other}\n{INTEGRATION}\n")
    hub_project.ok("lock", "-o", "models.nix")
    forget(host_store)
    done = hub_project.spawn("prefetch", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "u     1 path: 1 downloaded" in done.stderr
    assert "error: a, b, wood: they must be looked up on the Hub, but HF_HUB_OFFLINE" in done.stderr
    hub_project.ok("prefetch")
    done = hub_project.spawn("prefetch", HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stdout) == (0, "")  # all is there


def test_a_collection_meanwhile_takes_nothing_that_a_root_keeps(
    hub: Hub, hub_project: Project, host_store: NixEnv
) -> None:
    """It comes when the files of one model have arrived, and those of the next are asked for."""
    lock(hub, hub_project, host_store)
    links = hub_project.dir / "kept" / "a"
    collected: list[bool] = []

    def collect(request: Request) -> None:
        if "/org/b/resolve/" in request.path and not collected:
            deadline = time.monotonic() + 20
            while not links.is_dir() or not list(links.iterdir()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            collect_garbage(host_store)
            collected.append(all(link.exists() for link in links.iterdir()))

    hub.faults = collect
    hub_project.ok("prefetch", "--root", "kept", "a")
    (links / "1").unlink()
    subprocess.run(["rm", "-r", links], check=True)
    collect_garbage(host_store)
    hub_project.ok("prefetch", "--root", "kept", "a", "b")
    assert collected
    assert all(collected)
    collect_garbage(host_store)
    kept = sorted((hub_project.dir / "kept").glob("*/*"))
    assert [link.name for link in kept] == ["1", "1-2"] * 2
    assert all(link.exists() for link in kept)


def test_a_store_that_refuses_ends_the_run_at_once(
    hub: Hub, hub_project: Project, host_store: NixEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes hours to come is not fetched for a store that takes nothing."""
    large = BigFile(400 * MIB, seed=14)
    hub.add_repo("org/large", {"large.safetensors": large}, lfs=LFS)
    hub_project.write('[models.large]\nsource.huggingface.repo = "org/large"\n')
    hub_project.ok("lock", "-o", "models.nix")
    content(hub)
    refusing = hub_project.dir / "bin"
    refusing.mkdir()
    for name in ("nix-store", "nix-instantiate"):
        program = refusing / name
        check = f'[ "$1" = --check-validity ] && exec /usr/bin/env PATH="$OLD" {name} "$@"'
        program.write_text(f"#!/bin/sh\n{check}\necho error: read-only >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("OLD", os.environ["PATH"])
    monkeypatch.setenv("PATH", str(refusing), prepend=os.pathsep)
    said = hub_project.fails("prefetch")
    assert "error: nix-store could not add" in said
    assert "read-only" in said
    assert content(hub) < large.size
    assert host_store


def parts_present() -> int:
    """Bytes of files that runs have left."""
    partial = cache_directory() / "partial"
    found = 0
    for notes in partial.rglob(".notes"):
        size = json.loads(notes.read_text())["size"]
        (path,) = [path for path in notes.parent.iterdir() if not path.name.startswith(".")]
        found += ResumableTarget(path, notes).present(size)
    return found


def test_kills_cost_little(hub: Hub, hub_project: Project, host_store: NixEnv) -> None:
    """The next run downloads what is missing, and nothing else, and cleans up."""
    files: dict[str, Content] = {f"{n}.safetensors": BigFile(3 * MIB, seed=n) for n in range(6)}
    files |= {f"small-{n}.safetensors": b"%d" % n * 50_000 for n in range(8)}
    files |= {"large.safetensors": BigFile(24 * MIB, seed=99)}
    hub.add_repo("org/name", files, lfs=LFS)
    files_of_tree: dict[str, Content] = {
        "t.safetensors": BigFile(9 * MIB, seed=98),
        "c.json": b"{}",
    }
    hub.add_repo("org/wood", files_of_tree, lfs=LFS)
    hub_project.write(
        '[models.m]\nsource.huggingface.repo = "org/name"\n'
        '[models.t]\nsource.huggingface.repo = "org/wood"\npin = "tree"\n'
    )
    hub_project.ok("lock", "-o", "models.nix")
    forget(host_store)
    hub.clear()
    total = sum(map(len, files.values())) + 9 * MIB + 2
    for most in (2 * MIB, 17 * MIB, 40 * MIB):
        killed(hub, hub_project, most)
    time.sleep(0.5)  # a Nix that was adding goes on
    paths = [path for path in host_store.store.iterdir() if path.name.endswith(".safetensors")]
    valid = host_store.run("nix-store", "--check-validity", "--print-invalid", *paths).stdout
    stored = sum(path.stat().st_size for path in paths if str(path) not in valid)
    cached = sum(path.stat().st_size for path in (cache_directory() / "contents").iterdir())
    there = stored + parts_present()
    content(hub)
    hub_project.ok("prefetch")
    sent = content(hub)
    # What was killed after it was added, and before its part was removed, is there twice.
    assert sent <= max(0, total - there) + MIB
    assert there + cached > 2 * MIB
    # Of a tree that was added in the moment of a kill, nobody knows the files.
    assert set(left(host_store)) <= {sha256(files_of_tree["t.safetensors"])}


def killed(hub: Hub, project: Project, most: int) -> None:
    """Start a prefetch, and kill it when the Hub has sent so many bytes of files."""
    reached, finished = threading.Event(), threading.Event()
    before = sum(request.sent_bytes for request in hub.log)

    def stall(request: Request) -> Response | None:
        if "/cdn/" in request.path and sum(r.sent_bytes for r in hub.log) - before > most:
            reached.set()
            finished.wait(20)
        return None

    hub.faults = stall
    process = subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", "prefetch"],
        env=project.environment(),
        cwd=project.dir,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not reached.wait(0.05):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    finally:
        process.kill()
        finished.set()
        hub.faults = lambda _: None
