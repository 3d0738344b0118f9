"""What `import --replace` makes of the files of a machine, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from huggingface_hub import HfApi, scan_cache_dir, snapshot_download

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import store
from generator.stores import MANIFEST, MIB, WEIGHTS, collect_garbage
from support.fake_repo import BigFile, chunks, sha256
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

CONTENT = b"".join(chunks(WEIGHTS))


@pytest.fixture
def file(hub_project: Project, host_store: NixEnv, repo: Repo, tmp_path: Path) -> Path:
    """A file that a lock pins, in a directory of a user."""
    assert host_store
    assert repo
    hub_project.ok("lock")
    file = tmp_path / "place" / "model.gguf"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    return file


def kept(project: Project, *places: Path) -> Any:
    """Import, replacing nothing; return why."""
    command = ["import", "--replace", "--json", *(f"--from={place}" for place in places)]
    found = json.loads(project.ok(*command))
    assert found["taken"]["files"] == 1
    assert "replaced" not in found or found["replaced"] == []
    return [one["reason"] for one in found["kept"]]


def test_a_cache_of_hugging_face(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo, tmp_path: Path
) -> None:
    """It loads as before, keeps what it leads to, and is as good for the commands of `hf`."""
    cache = tmp_path / "cache"
    snapshot_download(repo.id, endpoint=hub.url, cache_dir=cache)
    hub_project.ok("lock")
    done = hub_project.run("import", "--replace", "--from", str(cache))
    assert "replaced 1 file, 3.0 MiB by links to the store" in done.err
    blob = cache / "models--org--name" / "blobs" / sha256(WEIGHTS)
    target = blob.readlink()
    assert target.name.endswith("-model.safetensors")
    assert not [path for path in cache.rglob("*") if "aimodels" in path.name]

    collect_garbage(host_store)
    found = Path(snapshot_download(repo.id, cache_dir=cache, local_files_only=True))
    assert (found / "model.safetensors").read_bytes() == CONTENT
    assert Path(snapshot_download(repo.id, endpoint=hub.url, cache_dir=cache)) == found
    assert blob.readlink() == target
    checked = HfApi(endpoint=hub.url).verify_repo_checksums(repo.id, cache_dir=cache)
    assert (checked.mismatches, checked.missing_paths, checked.extra_paths) == ([], [], [])
    info = scan_cache_dir(cache)
    assert info.warnings == []
    # Once more: there is nothing to do, and what has been done stays.
    again = hub_project.run("import", "--replace", "--from", str(cache))
    assert "replaced" not in again.err
    assert blob.readlink() == target

    info.delete_revisions(repo.sha).execute()
    assert not blob.is_symlink()
    assert target.read_bytes() == CONTENT
    host_store.run("nix-store", "--verify-path", target)
    collect_garbage(host_store)
    assert not target.exists()


def test_the_blobs_that_repositories_share(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo, tmp_path: Path
) -> None:
    """As newer releases of huggingface_hub lay them out: a blob is a link to a payload."""
    cache = tmp_path / "cache"
    snapshot_download(repo.id, endpoint=hub.url, cache_dir=cache)
    hub_project.ok("lock")
    xet = "ab" * 32
    payload = cache / "blobs" / "ab" / xet
    payload.parent.mkdir(parents=True)
    blob = cache / "models--org--name" / "blobs" / sha256(WEIGHTS)
    blob.rename(payload)
    blob.symlink_to(f"../../blobs/ab/{xet}")
    hub_project.ok("import", "--replace", "--from", str(cache))
    assert payload.is_symlink()
    collect_garbage(host_store)
    found = Path(snapshot_download(repo.id, cache_dir=cache, local_files_only=True))
    assert (found / "model.safetensors").read_bytes() == CONTENT
    assert blob.readlink() == Path(f"../../blobs/ab/{xet}")
    scan_cache_dir(cache).delete_revisions(repo.sha).execute()
    target = payload.readlink()
    host_store.run("nix-store", "--verify-path", target)


def test_all_copies_are_replaced_and_no_other_files(
    hub_project: Project, host_store: NixEnv, file: Path
) -> None:
    (file.parent / "same").write_bytes(CONTENT)
    (file.parent / "other").write_bytes(CONTENT[:-1] + b"?")
    (file.parent / "config.json").write_bytes(b"{}")
    os.link(file.parent / "same", file.parent / "linked")
    hub_project.ok("import", "--from", str(file.parent))
    assert not file.is_symlink()
    hub_project.ok("import", "--replace", "--from", str(file.parent))
    collect_garbage(host_store)
    for name in ("model.gguf", "same", "linked"):
        assert (file.parent / name).is_symlink()
        assert (file.parent / name).read_bytes() == CONTENT
    assert not (file.parent / "other").is_symlink()
    assert not (file.parent / "config.json").is_symlink()


@cures(
    "the files of … are not replaced: a tree is one store path; "
    'to replace them, set pin = "files", lock and import again'
)
def test_the_files_of_a_tree_are_left(hub_project: Project, file: Path, remedy: Remedy) -> None:
    """It is said, with what to do."""
    hub_project.write(MANIFEST + 'pin = "tree"\n')
    hub_project.ok("lock", "--prefetch")
    done = hub_project.run("import", "--replace", "--from", str(file.parent))
    assert remedy(done.err) == ("m",)
    assert not file.is_symlink()
    hub_project.write(MANIFEST + 'pin = "files"\n')
    hub_project.ok("lock")
    done = hub_project.run("import", "--replace", "--from", str(file.parent))
    assert "warning" not in done.err
    assert file.is_symlink()
    assert file.read_bytes() == CONTENT


def test_a_damaged_store_replaces_nothing(
    hub_project: Project, host_store: NixEnv, file: Path
) -> None:
    hub_project.ok("import", "--from", str(file.parent))
    (path,) = host_store.store.glob("*-model.safetensors")
    path.chmod(0o644)
    path.write_bytes(bytes(len(CONTENT)))
    done = hub_project.run("import", "--replace", "--from", str(file.parent))
    assert f"{path} is damaged: files are not replaced by it" in done.err
    assert file.read_bytes() == CONTENT


def test_what_is_refused(hub_project: Project, file: Path, tmp_path: Path) -> None:
    os.link(file, tmp_path / "outside")
    assert kept(hub_project, file.parent) == [
        "it has 2 hard links, of which 1 is in these directories: name those of the others, too"
    ]
    assert file.read_bytes() == CONTENT


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_files_of_others_are_refused(hub_project: Project, file: Path) -> None:
    os.chown(file, 65534, 65534)
    assert kept(hub_project, file.parent) == ["it belongs to another user, who can import it"]
    assert not file.is_symlink()


def test_a_journal_that_cannot_be_written(
    hub_project: Project, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "cache").touch()
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(file.parent / "cache"))
        done = hub_project.run("import", "--replace", "--from", str(file.parent))
    assert f"{file} is left as it is: its store path cannot be kept: " in done.err
    cause = "Not a directory: set XDG_CACHE_HOME to a directory that has room, and import again"
    assert f"{file.parent / 'cache'}/aimodels-gen/replacing: {cause}\n" in done.err
    assert file.read_bytes() == CONTENT
    hub_project.ok("import", "--replace", "--from", str(file.parent))
    assert file.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system")
@pytest.mark.parametrize("options", ["rw", "ro"])
def test_other_file_systems_are_refused(hub_project: Project, file: Path, options: str) -> None:
    other = file.parent / "mnt"
    other.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", other], check=True)
    try:
        file.rename(file.with_name("gone"))
        (other / "x").write_bytes(CONTENT)
        subprocess.run(["mount", "-o", f"remount,{options}", other], check=True)
        (reason,) = kept(hub_project, other)
        assert "it is on another file system than the store and your home directory" in reason
        assert (other / "x").read_bytes() == CONTENT
    finally:
        subprocess.run(["umount", other], check=True)


def test_links_out_of_a_directory_are_not_replaced(
    hub_project: Project, file: Path, tmp_path: Path
) -> None:
    place = tmp_path / "links"
    place.mkdir()
    (place / "x").symlink_to(file)
    (place / "d").symlink_to(file.parent)
    hub_project.ok("import", "--replace", "--from", str(place))
    assert not file.is_symlink()
    assert (place / "x").readlink() == file


def test_a_file_that_changes_before_it_is_replaced(
    hub_project: Project, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_roots = store.add_roots

    def changing(directory: Path, paths: Any) -> None:
        add_roots(directory, paths)
        file.write_bytes(b"mine")

    monkeypatch.setattr(store, "add_roots", changing)
    assert kept(hub_project, file.parent) == ["it was changed meanwhile: import again"]
    assert file.read_bytes() == b"mine"


def test_killed_at_any_moment(hub: Hub, hub_project: Project, host_store: NixEnv) -> None:
    """It is the file, or a link that works after garbage collection; the next run ends it."""
    files = {f"{n}.safetensors": BigFile(MIB + n, seed=n) for n in range(6)}
    hub.add_repo("org/name", files, lfs=["*"])
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    place = hub_project.dir / "place"
    place.mkdir()
    whole = {name: b"".join(chunks(content)) for name, content in files.items()}
    for name, data in whole.items():
        (place / name).write_bytes(data)
    command = [sys.executable, "-m", "aimodels_gen", "import", "--replace", "--from", str(place)]
    moments = random.Random(1)  # noqa: S311 (test data)
    states = set()
    for _ in range(6):
        process = subprocess.Popen(
            command,
            cwd=hub_project.dir,
            env=hub_project.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(0.3, 1.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        collect_garbage(host_store)
        assert {name: (place / name).read_bytes() for name in files} == whole
        states.add(sum((place / name).is_symlink() for name in files))
    hub_project.ok("import", "--replace", "--from", str(place))
    collect_garbage(host_store)
    assert sorted(path.name for path in place.iterdir()) == sorted(files)
    assert all((place / name).is_symlink() for name in files)
    assert {name: (place / name).read_bytes() for name in files} == whole


@pytest.mark.parametrize("step", ["symlink_to", "rename", "root"])
def test_stopped_at_each_step(
    hub_project: Project, host_store: NixEnv, file: Path, step: str
) -> None:
    """As a kill would: nothing that Python does afterwards happens."""
    program = f"""
import os
from pathlib import Path
from aimodels_gen import cli
from aimodels_gen.nix import store
def stop(*_, **__):
    os._exit(9)
step = {step!r}
if step == "symlink_to":
    after = Path.symlink_to
    Path.symlink_to = lambda *a: (after(*a), stop())
elif step == "rename":
    after = Path.rename
    Path.rename = lambda *a: (after(*a), stop())
else:
    made = store.add_root
    store.add_root = lambda link, paths: stop() if link.name == {file.name!r} else made(link, paths)
cli.run(["import", "--replace", "--from", {str(file.parent)!r}])
"""
    environment = hub_project.environment()
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == 9
    collect_garbage(host_store)
    assert file.is_symlink() == (step != "symlink_to")
    assert file.read_bytes() == CONTENT
    hub_project.ok("import", "--replace", "--from", str(file.parent))
    collect_garbage(host_store)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.is_symlink()
    assert file.read_bytes() == CONTENT
    replacing = Path(os.environ["XDG_CACHE_HOME"]) / "aimodels-gen" / "replacing"
    assert list(replacing.iterdir()) == []


@cures("…; `aimodels-gen import --replace` tries again")
def test_a_link_that_is_no_root_yet(
    hub_project: Project,
    host_store: NixEnv,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    remedy: Remedy,
) -> None:
    """It is kept nevertheless."""
    add_root = store.add_root

    def failing(link: Path, paths: Any) -> None:
        if link == file:
            raise StoreError("nix-store failed")
        add_root(link, paths)

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_root", failing)
        done = hub_project.run("import", "--replace", "--from", str(file.parent))
    assert remedy(done.err) == ("warning: nix-store failed",)
    collect_garbage(host_store)
    assert file.read_bytes() == CONTENT
    hub_project.follow(f"`{remedy.commands[0]} --from {file.parent}`")
    collect_garbage(host_store)
    assert file.is_symlink()
    assert file.read_bytes() == CONTENT
