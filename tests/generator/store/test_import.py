"""What `import` takes from the files of a machine, and what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from huggingface_hub import snapshot_download
from jsonschema import Draft202012Validator

from aimodels_gen.store import candidates
from aimodels_gen.store.hashing import Hasher
from generator.stores import FILES, MANIFEST, MIB, WEIGHTS, build, collect_garbage, content
from support.fake_repo import BigFile, chunks, sha256
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

CONTENT = b"".join(chunks(WEIGHTS))
COUNT = len(FILES)
SIZE = sum(map(len, FILES.values()))


@pytest.fixture
def cache(hub: Hub, repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of huggingface_hub, with the whole model."""
    found = home / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(found))
    snapshot_download(repo.id, endpoint=hub.url, cache_dir=found)
    return found


def report(project: Project, *args: str) -> Any:
    found = json.loads(project.ok("import", "--json", *args))
    schema = json.loads(project.ok("schema", "import"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(found)] == []
    return found


def forget(nix: NixEnv) -> None:
    """Remove what locking has put into the store and the user's cache."""
    collect_garbage(nix)
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "aimodels-gen")


def flat(directory: Path, **files: bytes) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory


def test_all_of_a_model_comes_from_the_cache_of_hugging_face(
    hub: Hub, hub_project: Project, nix_store: NixEnv, cache: Path
) -> None:
    """Nothing is downloaded, by `import` and by the build after it."""
    assert cache
    hub_project.ok("lock", "-o", "models.nix")
    forget(nix_store)
    hub.clear()
    found = report(hub_project)
    assert found["taken"] == {"files": COUNT, "bytes": SIZE}
    assert found["missing"] == {"files": 0, "bytes": 0}
    assert {file["path"] for file in found["models"][0]["takenFiles"]} == set(FILES)
    again = hub_project.run("import")
    assert again.out.split("\n")[1].split() == ["m", "3", "files,", "3.0", "MiB", "-", "-"]
    assert "prefetch" not in again.err
    build(nix_store, hub_project)
    assert hub.log == []


@pytest.mark.parametrize("pin", ["files", "tree"])
def test_what_is_not_in_the_lock_is_left(
    hub: Hub, hub_project: Project, host_store: NixEnv, cache: Path, pin: str
) -> None:
    """Filters choose from a cache, which may have more."""
    assert host_store
    assert cache
    hub_project.write(MANIFEST + f'include = ["*.safetensors", "*.json"]\npin = "{pin}"\n')
    hub_project.ok("lock", "-o", "models.nix")
    forget(host_store)
    hub.clear()
    found = report(hub_project)
    assert found["taken"]["files"] == COUNT - 1
    build(host_store, hub_project)
    assert hub.log == []


@pytest.mark.parametrize("layout", ["ollama", "lmstudio", "renamed", "link", "file", "hidden"])
@pytest.mark.usefixtures("host_store", "repo")
def test_where_files_may_be(hub: Hub, hub_project: Project, tmp_path: Path, layout: str) -> None:
    names = {
        "ollama": f"blobs/sha256-{sha256(WEIGHTS)}",
        "lmstudio": "org/name/model.safetensors",
        "hidden": ".x/.y/z",
    }
    place = tmp_path / "place"
    file = tmp_path / "elsewhere" / "f" if layout == "link" else place / names.get(layout, "a b")
    flat(file.parent, **{file.name: CONTENT})
    if layout == "link":
        place.mkdir()
        (place / "loop").symlink_to(place)
        (place / "up").symlink_to("..")
        (place / "gone").symlink_to("nowhere")
        (place / "there").symlink_to(file.parent)
        os.mkfifo(place / "pipe")
    hub_project.ok("lock")
    hub.clear()
    found = report(hub_project, "--from", str(file if layout == "file" else place))
    assert found["taken"]["bytes"] == WEIGHTS.size
    assert hub.log == []
    assert file.read_bytes() == CONTENT


@cures("to download the rest, run `…`")
@pytest.mark.usefixtures("host_store", "repo")
def test_what_is_still_to_download(
    hub: Hub, hub_project: Project, tmp_path: Path, remedy: Remedy
) -> None:
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=["*.safetensors"])
    other = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
    hub_project.write(MANIFEST + other)
    hub_project.ok("lock")
    place = flat(tmp_path / "place", x=CONTENT)
    done = hub_project.run("import", "--from", str(place), "-m", "models.toml")
    assert done.status == 0
    assert [line.split("  ")[-1].strip() for line in done.out.splitlines()[1:]] == [
        "-",
        "1 file, 1.0 MiB",
        "1 file, 1.0 MiB",
    ]
    assert remedy(done.err) == ("aimodels-gen prefetch -m models.toml",)
    content(hub)
    hub_project.follow(done.err)
    assert content(hub) == MIB


def test_names_are_not_trusted(
    hub_project: Project, host_store: NixEnv, repo: Repo, tmp_path: Path
) -> None:
    """A damaged blob is said and not taken, and leaves nothing in the store."""
    assert repo
    hub_project.ok("lock")
    before = sorted(path.name for path in host_store.store.iterdir())
    blob = tmp_path / "place" / sha256(WEIGHTS)
    flat(blob.parent, **{blob.name: CONTENT[:-1] + b"?"})
    done = hub_project.run("import", "--from", str(blob.parent))
    assert f"{blob} is damaged: its sha256 is " in done.err
    assert "1 file, 3.0 MiB" in done.out.splitlines()[1].split("  ")[-1]
    assert sorted(path.name for path in host_store.store.iterdir()) == before
    # The same file, once more, under another name.
    flat(blob.parent, other=CONTENT)
    assert report(hub_project, "--from", str(blob.parent))["taken"]["bytes"] == WEIGHTS.size


def test_a_file_that_changes_meanwhile(
    hub_project: Project,
    host_store: NixEnv,
    repo: Repo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert host_store
    assert repo
    hub_project.ok("lock")
    place = flat(tmp_path / "place", x=CONTENT)
    read = candidates.Candidate.read

    def changing(self: candidates.Candidate, sink: Any, stop: Any = None) -> None:
        (place / "x").write_bytes(bytes(WEIGHTS.size))
        read(self, sink, stop)

    monkeypatch.setattr(candidates.Candidate, "read", changing)
    done = hub_project.run("import", "--from", str(place))
    assert done.status == 0
    assert f"warning: {place / 'x'} was changed while it was read, and is not taken" in done.err


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """It is said, and the rest is taken."""
    place = flat(tmp_path / "place", x=CONTENT, y=CONTENT)
    flat(place / "closed", z=CONTENT)
    (place / "x").chmod(0)
    (place / "closed").chmod(0)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.name.startswith(("test_", "popen-", "pytest-")):
            parent.chmod(0o755)
    said: list[str] = []
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        scan = candidates.Scan([place], {WEIGHTS.size}, said.append, said.append)
        with closing(Hasher(lambda _: None, said.append)) as hasher:
            digests = {f.path.name: hasher.digest(f) for f in scan.by_size[WEIGHTS.size]}
    finally:
        os.seteuid(user)
    assert digests == {"x": None, "y": sha256(WEIGHTS)}
    assert f"cannot read {place / 'closed'}: Permission denied" in said
    assert f"{place / 'x'} cannot be read: Permission denied" in said


@pytest.mark.usefixtures("host_store", "repo")
def test_a_store_that_refuses(
    hub_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Nix says is said; a download would not be taken either."""
    hub_project.ok("lock")
    programs = tmp_path / "bin"
    programs.mkdir()
    refusing = programs / "nix-instantiate"
    refusing.write_text("#!/bin/sh\necho 'error: you may not add to the store' >&2\nexit 1\n")
    refusing.chmod(0o755)
    place = flat(tmp_path / "place", x=CONTENT)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(programs), prepend=os.pathsep)
        said = hub_project.fails("import", "--replace", "--from", str(place))
    assert said.startswith(
        f"error: Nix could not add {place / 'x'}: you may not add to the store\nhint: check that "
    )
    assert (place / "x").read_bytes() == CONTENT
    hub_project.ok("import", "--from", str(place))


@pytest.mark.usefixtures("host_store", "repo")
def test_another_run_is_faster(
    hub_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has replaced the file when this one reads it."""
    hub_project.ok("lock")
    place = flat(tmp_path / "place", x=CONTENT)
    digest = candidates.Candidate.digest

    def slow(file: candidates.Candidate, *args: Any) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(candidates.Candidate, "digest", digest)
            done = hub_project.spawn("import", "--replace", "--from", str(place))
            assert done.returncode == 0
        return digest(file, *args)

    monkeypatch.setattr(candidates.Candidate, "digest", slow)
    done = hub_project.run("import", "--replace", "--json", "--from", str(place))
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["present"]["files"], found["missing"]["files"]) == (COUNT, 0)
    assert (place / "x").is_symlink()


@pytest.mark.usefixtures("host_store", "repo")
def test_names_that_are_not_utf_8(hub_project: Project, tmp_path: Path) -> None:
    hub_project.ok("lock")
    place = flat(tmp_path / "place", **{"two\nlines": CONTENT})
    for n in range(5):
        (place / os.fsdecode(b"\xff%d" % n)).write_bytes(CONTENT)
    done = hub_project.run("import", "--replace", "--from", str(place))
    assert done.err.count("is left out: its name is not UTF-8; rename it\n") == 3
    assert "warning: 2 more files with such names are left out\n" in done.err
    assert (place / "two\nlines").is_symlink()


@cures("name the directories that have the files: --from DIR")
def test_without_a_cache(
    hub_project: Project, host_store: NixEnv, repo: Repo, tmp_path: Path, remedy: Remedy
) -> None:
    assert host_store
    assert repo
    hub_project.ok("lock")
    said = hub_project.fails("import")
    assert "the cache of huggingface_hub, " in said
    remedy(said)
    assert report(hub_project, "--from", str(flat(tmp_path / "place", x=CONTENT)))["taken"]["files"]
    assert hub_project.run("import", "--from", "nowhere").status == 2


@cures("… has changed since it was locked (…): this … what … pins; run `…` to pin what is new")
@pytest.mark.usefixtures("host_store", "repo")
def test_a_manifest_has_changed(hub_project: Project, tmp_path: Path, remedy: Remedy) -> None:
    hub_project.ok("lock")
    hub_project.write(MANIFEST + 'include = ["*.json"]\n')
    command = ["import", "--from", str(flat(tmp_path / "place"))]
    warned = hub_project.run(*command).err
    remedy(warned)
    hub_project.follow(warned.partition("\n")[0])
    assert "has changed" not in hub_project.run(*command).err


@pytest.mark.usefixtures("host_store", "repo")
def test_a_lock_that_was_edited(hub_project: Project, cache: Path, host_store: NixEnv) -> None:
    """The files are there, and are not what the bundle's hash says; the rest is taken."""
    assert cache
    hub_project.ok("lock")
    forget(host_store)
    lock = json.loads(hub_project.lock_file.read_text())
    lock["models"]["m"]["bundle"]["hash"] = f"sha256-{'A' * 43}="
    hub_project.lock_file.write_text(json.dumps(lock))
    done = hub_project.run("import")
    assert done.status == 1
    assert "error: m: its bundle is pinned to sha256-AAA" in done.err
    assert "3.0 MiB" in done.out


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HF_HOME": "~/hf"},
        {"HF_HUB_CACHE": "$HOME/c"},
        {"HUGGINGFACE_HUB_CACHE": "/c", "HF_HOME": "/hf"},
        {"XDG_CACHE_HOME": "/xdg"},
    ],
)
def test_the_default_is_the_cache_of_huggingface_hub(variables: dict[str, str]) -> None:
    program = (
        "from aimodels_gen.engines.huggingface import hub_cache\n"
        "from huggingface_hub.constants import HF_HUB_CACHE\n"
        "print(hub_cache(), HF_HUB_CACHE)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    ours, theirs = done.stdout.split()
    assert ours == theirs
