"""Small files that a lock has to read: one path of the store, read once, kept for the next time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.cache import cache_directory
from aimodels_gen.lock import bundles, contents
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.hashes import nar_sri_of_files
from support.environment import CHECKOUT
from support.fake_repo import blob_id, sha256
from support.loopback import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
LFS = ["*.safetensors"]
SMALL = {f"{number}.json": b"%d" % number for number in range(30)}
FILES: dict[str, Content] = {
    **SMALL,
    "again.json": b"1",
    "empty": b"",
    "most.txt": bytes(MOST_BUNDLED),
    "more.txt": bytes(MOST_BUNDLED + 1),
    "model.safetensors": b"weights" * 9,
}
BUNDLED = {*SMALL, "again.json", "empty", "most.txt"}


@pytest.fixture
def nix_store(host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    """Make the store of `nix-store` an empty one; the cache stays where it is."""
    for variable, value in host_nix.variables().items():
        if variable != "XDG_CACHE_HOME":
            monkeypatch.setenv(variable, value)
    return host_nix


@pytest.fixture
def no_nix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "have_nix", lambda: False)


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MANIFEST)
    return hub.add_repo("org/name", FILES, lfs=LFS)


def path_of(bundle: Any) -> Path:
    return Path(
        store_path.store_path("recursive", bundle["hash"], "bundle", os.environ["NIX_STORE_DIR"])
    )


def read(hub: Hub) -> list[str]:
    """Return which files the Hub has sent since the last time; of empty ones nothing is sent."""
    paths = [
        request.path.partition("?")[0].rpartition("/")[2]
        for request in hub.log
        if request.status in {200, 206} and not request.path.startswith("/api/models/")
    ]
    hub.clear()
    weights = sha256(FILES["model.safetensors"])
    return sorted("model.safetensors" if path == weights else path for path in paths)


def forget() -> None:
    shutil.rmtree(cache_directory() / "contents", ignore_errors=True)


def without_bundles(text: str) -> str:
    """Return a lock as version 1 had it."""
    data = json.loads(text)
    for model in data["models"].values():
        bundle = model.pop("bundle", None)
        del model["integrity"]
        for path, file in bundle["files"].items() if bundle else ():
            model.setdefault("files", {})[path] = {**file, "lfs": False}
    return json.dumps({**data, "version": 1}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_bundle_is_in_the_store(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo
) -> None:
    """Under the path that its hash says, with each content once."""
    assert repo
    hub_project.ok("lock")
    model = hub_project.lock["m"]
    assert set(model["bundle"]["files"]) == BUNDLED
    assert set(model["files"]) == {"more.txt", "model.safetensors"}
    stored = path_of(model["bundle"])
    nix_store.run("nix-store", "--verify-path", stored)
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == {
        sha256(FILES[path]): FILES[path] for path in BUNDLED
    }
    digest = nix_store.run("nix-hash", "--type", "sha256", stored).stdout.strip()
    assert model["bundle"]["hash"] == hex_to_sri(digest)
    assert not list(nix_store.dir.glob(".aimodels*"))
    hub.clear()
    assert "m  3 paths: 2 downloaded, 1 there already" in hub_project.run("prefetch").err
    assert read(hub) == ["model.safetensors", "more.txt"]


def test_equal_bundles_of_many_models_are_one_path(
    hub: Hub, hub_project: Project, nix_store: NixEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all are added at once."""
    for number in range(12):
        hub.add_repo(f"org/{number}", {f"{number}/a": b"a", "b": b"%d" % (number // 2)})
    source = '[models.m{0}]\nsource.huggingface = {{ repo = "org/{0}" }}\n'
    hub_project.write("".join(source.format(number) for number in range(12)))
    called: list[Any] = []
    run = subprocess.run

    def counting(command: Any, **options: Any) -> Any:
        called.append(command)
        return run(command, **options)

    monkeypatch.setattr("aimodels_gen.nix.store.subprocess.run", counting)
    hub_project.ok("lock")
    assert len(called) == 1
    hashes = {model["bundle"]["hash"] for model in hub_project.lock.values()}
    assert len(hashes) == 6
    paths = [path_of(model["bundle"]) for model in hub_project.lock.values()]
    nix_store.run("nix-store", "--check-validity", *paths)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("refuses", ["error", "missing"])
def test_a_store_that_takes_nothing(
    hub_project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refuses: str
) -> None:
    """The lock is the same; builds download the bundle."""
    programs = tmp_path / "bin"
    programs.mkdir()
    if refuses == "error":
        (programs / "nix-store").write_text("#!/bin/sh\necho 'error: no daemon' >&2\nexit 1\n")
        (programs / "nix-store").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    done = hub_project.run("lock")
    assert done.status == 0
    assert "daemon" not in done.err
    assert set(hub_project.lock["m"]["bundle"]["files"]) == BUNDLED


@pytest.mark.usefixtures("no_nix")
def test_the_lock_does_not_depend_on_caches(
    hub: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two people who lock the same commit, of whom one has updated to it."""
    monkeypatch.setattr(contents, "_IN_MEMORY", 10)  # the rest is on disk
    hub_project.ok("lock")
    first = hub_project.lock_file.read_bytes()
    assert set(read(hub)) == {*BUNDLED, "more.txt"} - {"empty"}  # it has no sha256, either
    for warm in (True, False):
        hub_project.lock_file.unlink()
        if not warm:
            forget()
        hub_project.ok("lock")
        assert hub_project.lock_file.read_bytes() == first
        files = set(read(hub))
        assert files == ({"more.txt"} if warm else {*BUNDLED, "more.txt"} - {"empty"})
    old = repo.sha
    repo.commit({"0.json": b"old", "other": b"old"})
    hub_project.ok("update")
    repo.commits["main-again"] = repo.commits[old]
    repo.ref("main", old)
    forget()
    hub_project.ok("update")
    assert hub_project.lock_file.read_bytes() == first


@pytest.mark.parametrize("from_", ["cache", "store"])
def test_an_update_reads_what_has_changed(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo, from_: str
) -> None:
    """The other contents of the new bundle are in the cache, or in the old bundle."""
    assert nix_store
    hub_project.ok("lock")
    if from_ == "store":
        forget()
    else:
        nix_store.run("nix-store", "--gc")
    repo.commit({**FILES, "7.json": b"changed"})
    read(hub)
    hub_project.ok("update")
    assert read(hub) == ["7.json"]
    stored = path_of(hub_project.lock["m"]["bundle"])
    nix_store.run("nix-store", "--verify-path", stored)
    assert (stored / sha256(b"changed")).read_bytes() == b"changed"


@pytest.mark.usefixtures("no_nix")
def test_a_bundle_that_stays_is_not_read_again(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """Its hash is known, though nobody has its contents."""
    hub_project.ok("lock")
    bundle = hub_project.lock["m"]["bundle"]
    forget()
    repo.commit({**FILES, "model.safetensors": b"other"})
    read(hub)
    hub_project.ok("update")
    assert read(hub) == []
    assert hub_project.lock["m"]["bundle"] == bundle


@pytest.mark.usefixtures("no_nix")
def test_a_tree_takes_small_files_from_the_cache(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    assert repo
    hub_project.ok("lock", "--pin", "tree")
    first = hub_project.lock_file.read_bytes()
    read(hub)
    hub_project.lock_file.unlink()
    hub_project.ok("lock", "--pin", "tree")
    assert hub_project.lock_file.read_bytes() == first
    assert set(read(hub)) == {"more.txt"}
    hub_project.ok("lock", "-U", "--pin", "files")
    assert set(read(hub)) == {"more.txt"}


@pytest.mark.usefixtures("no_nix")
def test_a_lock_of_version_1_is_upgraded(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """Its pins get a bundle when they are updated, even if nothing has moved."""
    hub_project.ok("lock")
    new = hub_project.lock_file.read_text()
    hub_project.lock_file.write_text(without_bundles(new))
    old = hub_project.lock_file.read_text()
    rendered = hub_project.ok("render")
    assert "bundle" not in rendered
    assert hub_project.lock_file.read_text() == old
    hub.clear()
    done = hub_project.run("lock")
    assert (done.status, done.out) == (0, rendered)
    assert done.err == "= 1 unchanged\n"
    assert hub.log == []
    # Its pins stay, with a note that they are old ones.
    upgraded = json.loads(hub_project.lock_file.read_text())
    assert upgraded["models"]["m"].pop("unbundled")
    assert upgraded["models"]["m"].pop("integrity")
    assert upgraded == {**json.loads(old), "version": 2}
    said = hub_project.run("update").err
    commit = repo.sha[:7]
    assert said.startswith(f"~ m  org/name main {commit}  35 files  2.0 MiB  33 files bundled\n")
    assert "0 B to fetch" in said
    assert read(hub) == []
    assert hub_project.lock_file.read_text() == new
    assert hub_project.run("update").err == "= 1 unchanged\n"
    assert len(hub.log) == 1


def test_an_upgraded_lock_builds_the_same_entry(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo
) -> None:
    """As a copy byte for byte; as links, the same files. Nothing is downloaded for the new one."""
    hub_project.ok("lock")
    hub_project.lock_file.write_text(without_bundles(hub_project.lock_file.read_text()))
    entries = []
    for command in (["render"], ["update"]):
        hub_project.ok(*command, "-o", "models.nix")
        assert ("bundle" in (hub_project.dir / "models.nix").read_text()) == (command == ["update"])
        hub.clear()
        entries += [built(nix_store, hub_project, layout) for layout in ("copied", "linked")]
    assert hub.log == []
    (old, old_linked), (new, new_linked) = entries[:2], entries[2:]
    done = subprocess.run(
        ["diff", "--recursive", "--no-dereference", old, new], check=False, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"")
    read_back = [nix_store.contents(linked) for linked in (old_linked, new_linked)]
    assert read_back[0] == read_back[1]
    assert nix_store.contents(new / "snapshots" / repo.sha) == FILES


def built(nix: NixEnv, project: Project, form: str) -> Path:
    return nix.build(
        f"""
        (import {project.dir}/models.nix {{
          pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};
          inherit (import {CHECKOUT}/nix) fetchModel;
        }}).m.{form}
        """
    )


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("donor", ["cache", "store", "entry", "source"])
def test_where_prefetch_takes_a_bundle_from(
    hub: Hub,
    hub_project: Project,
    nix_store: NixEnv,
    monkeypatch: pytest.MonkeyPatch,
    donor: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "have_nix", lambda: False)
        hub_project.ok("lock")
    bundle = hub_project.lock["m"]["bundle"]
    if donor == "store":  # in another bundle that has one more
        hub_project.write(MANIFEST.replace("name", "other"))
        hub.add_repo("org/other", {**{path: FILES[path] for path in BUNDLED}, "one-more": b"1-"})
        lock = hub_project.lock_file.read_bytes()
        hub_project.ok("update")
        hub_project.write(MANIFEST)
        hub_project.lock_file.write_bytes(lock)
    if donor == "entry":
        hub_project.write(f'{MANIFEST}pin = "tree"\n')
        lock = hub_project.lock_file.read_bytes()
        hub_project.ok("lock")
        hub_project.write(MANIFEST)
        hub_project.lock_file.write_bytes(lock)
    if donor != "cache":
        forget()
    read(hub)
    done = hub_project.run("prefetch")
    assert done.status == 0, done.err
    words = {
        "cache": "2 downloaded, 1 taken from the cache",
        "store": "2 downloaded, 1 taken from other paths in the store",
        "entry": "3 taken from other paths in the store",
        "source": "3 downloaded",
    }
    assert f"m  3 paths: {words[donor]}\n" in done.err
    nix_store.run("nix-store", "--verify-path", path_of(bundle))
    assert set(done.out.split()) >= {str(path_of(bundle))}
    count = {"entry": 0, "source": len(FILES) - 2}.get(donor, 2)  # again.json is 1.json
    assert len(read(hub)) == count
    assert "3 there already" in hub_project.run("prefetch").err


def test_a_bundle_that_is_interrupted(
    hub: Hub, hub_project: Project, nix_store: NixEnv, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has come is in the cache for the next run."""
    assert repo
    with monkeypatch.context() as patch:
        patch.setattr(store, "have_nix", lambda: False)
        hub_project.ok("lock")
    forget()
    hub.faults = lambda request: Response(404) if "/7.json" in request.path else None
    assert hub_project.run("prefetch").status == 1
    hub.faults = lambda _: None
    came = {path.name for path in (cache_directory() / "contents").iterdir()}
    assert came
    read(hub)
    hub_project.ok("prefetch")
    assert came.isdisjoint(blob_id(FILES[path]) for path in read(hub))
    nix_store.run("nix-store", "--verify-path", path_of(hub_project.lock["m"]["bundle"]))


@cures("the lock was edited: delete … from models of the lock, and run `aimodels-gen lock`")
def test_a_bundle_whose_hash_is_wrong(
    hub_project: Project, nix_store: NixEnv, repo: Repo, remedy: Remedy
) -> None:
    assert nix_store
    assert repo
    hub_project.ok("lock")
    data = json.loads(hub_project.lock_file.read_text())
    right = data["models"]["m"]["bundle"]["hash"]
    wrong = data["models"]["m"]["bundle"]["hash"] = hex_to_sri("0" * 64)
    hub_project.lock_file.write_text(json.dumps(data))
    done = hub_project.run("prefetch")
    said = done.err
    assert done.status == 1
    assert f"error: m: its bundle is pinned to {wrong}, but its files make {right}" in said
    (name,) = remedy(said)
    del data["models"][name]
    hub_project.lock_file.write_text(json.dumps(data))
    hub_project.ok("lock")
    assert hub_project.lock["m"]["bundle"]["hash"] == right
    hub_project.ok("prefetch")


def test_contents_need_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are on disk until the bundle is hashed, one after the other."""
    monkeypatch.setattr(contents, "_IN_MEMORY", 2 * MOST_BUNDLED)
    tracemalloc.start()
    try:
        with contents.Contents([]) as held:
            digests = sorted(held.hold(bytes([number]) * MOST_BUNDLED) for number in range(12))
            hashed = bundles.nar_hash(digests, held)
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * MOST_BUNDLED
    assert hashed == nar_sri_of_files(
        (digest, bytes([number]) * MOST_BUNDLED)
        for digest, number in sorted((sha256(bytes([n]) * MOST_BUNDLED), n) for n in range(12))
    )
