"""Views: directories of links for engines other than those that read the Hugging Face cache."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linker.helpers import follow
from support.linker import contents, touched
from support.remedies import cures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.linker import Linker, Run
    from support.remedies import Remedy

OPTION = "services.ai-models.integration.comfyui"
A = "checkpoints/a.safetensors"
B = "loras/x/b.safetensors"
MANIFEST = "manifests/registry.ollama.ai/library/m/latest"


@pytest.fixture
def place(linker: Linker) -> Linker:
    """The linker, for a directory that is not there yet."""
    place = linker.but(hub=linker.root / "comfy/models", mode="directory", option=OPTION)
    place.store.mkdir(parents=True)
    return place


def put(place: Linker, nodes: Mapping[str, str | bytes], name: str = "view", *options: str) -> Run:
    """Put a new view with these files into the directory."""
    view = place.view(nodes, name, links=True)
    return place.run("link", place.view_spec(view, "manifests"), *options)


def take(place: Linker, *options: str) -> Run:
    view = place.view({"x": b"x"}, "other")
    return place.run("unlink", place.view_spec(view), *options)


def files(place: Linker) -> dict[str, bytes]:
    """What a program finds."""
    return {
        str(path.relative_to(place.hub)): path.read_bytes()
        for path in sorted(place.hub.rglob("*"))
        if path.is_file()
    }


def test_files_are_linked_beside_those_of_the_user(place: Linker) -> None:
    (place.hub / "checkpoints").mkdir(parents=True)
    (place.hub / "checkpoints/mine.safetensors").write_bytes(b"mine")
    (place.hub / "embeddings").symlink_to("/mnt/embeddings")
    (place.hub / "vae").mkdir()
    before = touched(place.hub / "checkpoints/mine.safetensors")
    run = put(place, {A: b"a", B: b"b"})
    assert (run.status, run.err) == (0, [])
    assert run.out == [f"ai-models: linked 2 in {place.hub}"]
    assert files(place) == {A: b"a", "checkpoints/mine.safetensors": b"mine", B: b"b"}
    # The link leads to the file's own store path, not through the view.
    assert (place.hub / A).readlink().parent == place.store
    assert "-view" not in str((place.hub / A).readlink())

    run = put(place, {B: b"new", "vae/v.pt": b"v"}, "2")
    assert run.out == [f"ai-models: linked 2, removed 1 in {place.hub}"]
    assert files(place) == {"checkpoints/mine.safetensors": b"mine", B: b"new", "vae/v.pt": b"v"}

    run = take(place)
    assert (run.status, run.err) == (0, [])
    assert run.out == [f"ai-models: removed 2 in {place.hub}"]
    assert contents(place.hub) == {
        "checkpoints": ("directory",),
        "checkpoints/mine.safetensors": ("file", b"mine"),
        "embeddings": ("link", "/mnt/embeddings"),
        "vae": ("directory",),
    }
    assert touched(place.hub / "checkpoints/mine.safetensors") == before
    assert not place.state.exists()


def test_directories_that_we_made_go(place: Linker) -> None:
    put(place, {A: b"a", B: b"b"})
    (place.hub / "loras/x/mine").write_bytes(b"mine")
    take(place)
    assert contents(place.hub.parent) == {
        "models": ("directory",),
        "models/loras": ("directory",),
        "models/loras/x": ("directory",),
        "models/loras/x/mine": ("file", b"mine"),
    }


def test_nothing_is_left_where_nothing_was(place: Linker) -> None:
    for mode in ("directory", "link"):
        put(place.but(mode=mode), {A: b"a"}, mode)
        assert take(place.but(mode=mode)).status == 0
        assert not place.hub.parent.exists()


def test_nothing_is_done_when_nothing_has_changed(place: Linker) -> None:
    view = place.view({A: b"a", MANIFEST: b"{}", "blobs/l": "../checkpoints/a.safetensors"})
    spec = place.view_spec(view, "manifests")
    assert place.run("link", spec).status == 0
    before = touched(place.root)
    run = place.run("link", spec)
    assert (run.status, run.out, run.err) == (0, [], [])
    assert touched(place.root) == before


def test_a_dry_run_says_it_all_and_does_nothing(place: Linker) -> None:
    before = contents(place.root / "cache")
    run = put(place, {"a": b"a"}, "view", "--dry-run")
    target = (place.store / f"{'0' * 32}-view/a").readlink()
    assert run.out == [f"would link {place.hub}/a to {target}"]
    assert not place.hub.parent.exists()
    assert contents(place.root / "cache") == before
    put(place, {"a/b": b"a"}, "2")
    run = take(place, "--dry-run")
    assert run.out == [
        f"would remove {place.hub}/a/b",
        f"would remove {place.hub}/a if it is empty",
    ]
    assert files(place) == {"a/b": b"a"}


def test_a_link_for_the_whole_directory(place: Linker) -> None:
    link = place.but(mode="link")
    view = place.view({A: b"a"})
    run = link.run("link", link.view_spec(view))
    assert run.out == [f"ai-models: linked 1 in {place.hub.parent}"]
    assert place.hub.readlink() == view
    other = place.view({A: b"b"}, "2")
    link.run("link", link.view_spec(other))
    assert place.hub.readlink() == other
    # And back, in each direction.
    place.run("link", place.view_spec(view))
    assert not place.hub.is_symlink()
    assert files(place) == {A: b"a"}
    link.run("link", link.view_spec(other))
    assert place.hub.readlink() == other


def test_a_dry_run_of_another_mode(place: Linker) -> None:
    put(place.but(mode="link"), {A: b"a"})
    before = touched(place.root / "comfy")
    run = put(place, {A: b"a"}, "2", "--dry-run")
    assert (run.status, run.err) == (0, [])
    assert run.out[0] == f"would remove {place.hub}"
    assert run.out[-1].startswith(f"would link {place.hub}/{A} to ")
    assert touched(place.root / "comfy") == before


@pytest.mark.parametrize("state", ["lost", "kept"])
def test_a_link_of_ours_becomes_a_directory(place: Linker, state: str) -> None:
    """Nothing is ever written through it into the store."""
    view = place.view({A: b"a"})
    link = place.but(mode="link")
    link.run("link", link.view_spec(view))
    if state == "lost":
        place.state.unlink()
    before = contents(place.store)
    other = place.view({A: b"a", B: b"b"}, "2")
    assert place.run("link", place.view_spec(other)).err == []
    assert not place.hub.is_symlink()
    assert files(place) == {A: b"a", B: b"b"}
    assert {path: node for path, node in contents(place.store).items() if path in before} == before


def test_one_link_takes_the_place_of_an_empty_directory(place: Linker) -> None:
    """Such as that of tmpfiles, which is there before we are, and is made in mode "directory"."""
    place.hub.mkdir(parents=True)
    put(place, {A: b"a"})
    link = place.but(mode="link")
    view = place.view({A: b"b"}, "2")
    assert link.run("link", link.view_spec(view)).err == []
    assert place.hub.readlink() == view
    take(link)
    assert contents(place.hub.parent) == {}


@cures(
    "… is … that this program has not made. It is left alone, and the models of … are not there. "
    'Set `….mode = "directory"` to link them beside what is in it, or move it away and activate '
    "again: …"
)
def test_a_directory_of_the_user_stays_in_mode_link(place: Linker, remedy: Remedy) -> None:
    place.hub.mkdir(parents=True)
    (place.hub / "mine").write_text("mine")
    link = place.but(mode="link")
    spec = link.view_spec(place.view({A: b"a"}))
    before = touched(place.hub)
    run = link.run("link", spec)
    assert (run.status, run.out) == (0, [])
    (line,) = run.err
    assert line.startswith(
        f"warning: {place.hub} is a directory that this program has not made. It is left alone, "
        f'and the models of {OPTION} are not there. Set `{OPTION}.mode = "directory"` to link'
    )
    assert touched(place.hub) == before
    # As the message says, either way.
    remedy(line)
    assert place.run("link", place.view_spec(place.view({A: b"a"}, "2"))).err == []
    assert files(place)[A] == b"a"
    follow(line)
    assert link.run("link", spec).err == []
    assert files(place) == {A: b"a"}


@pytest.mark.parametrize("kind", ["file", "link", "directory", "parent", "parent link"])
def test_what_is_in_the_way_is_left_alone(place: Linker, kind: str) -> None:
    at = place.hub / (A if "parent" not in kind else "checkpoints")
    at.parent.mkdir(parents=True)
    if kind in {"file", "parent"}:
        at.write_text("mine")
    elif kind == "directory":
        at.mkdir()
    else:
        (place.root / "mine").mkdir()
        at.symlink_to(place.root / "mine")
    before = touched(at)
    run = put(place, {A: b"a", "checkpoints/c": b"c", B: b"b"})
    assert run.status == 0
    (line,) = run.err
    assert line.startswith(f"warning: {at} is a ")
    assert f"where a model of {OPTION} needs something else. It is left alone" in line
    assert touched(at) == before
    assert files(place)[B] == b"b"
    follow(line)
    assert put(place, {A: b"a"}, "2").err == []
    assert files(place)[A] == b"a"
    take(place)


def test_a_file_that_the_user_has_already_is_used(place: Linker) -> None:
    for path, content in ((A, b"a"), (MANIFEST, b"{}")):
        (place.hub / path).parent.mkdir(parents=True)
        (place.hub / path).write_bytes(content)
    before = touched(place.hub)
    run = put(place, {A: b"a", MANIFEST: b"{}"})
    assert (run.status, run.out, run.err) == (0, [], [])
    assert touched(place.hub) == before
    take(place)
    assert files(place) == {A: b"a", MANIFEST: b"{}"}


def test_copies_are_replaced_and_removed_until_somebody_changes_them(place: Linker) -> None:
    view = place.view({MANIFEST: b"1", "blobs/sha256-1": b"b"})
    place.run("link", place.view_spec(view, "manifests"))
    assert not (place.hub / MANIFEST).is_symlink()
    assert (place.hub / "blobs/sha256-1").is_symlink()
    place.run("link", place.view_spec(place.view({MANIFEST: b"2"}, "2"), "manifests"))
    assert files(place) == {MANIFEST: b"2"}
    (place.hub / MANIFEST).write_bytes(b"theirs")
    run = place.run("link", place.view_spec(place.view({MANIFEST: b"3"}, "3"), "manifests"))
    (line,) = run.err
    assert f"{place.hub}/{MANIFEST} is a file, where a model of" in line
    take(place)
    assert files(place) == {MANIFEST: b"theirs"}


def test_relative_links_of_a_view_stay_relative(place: Linker) -> None:
    """They lead to other files of the directory."""
    blob = f"blobs/sha256-{'0' * 64}"
    manifest = f"{'../' * 4}{blob}"
    view = place.view({blob: b"{}", MANIFEST: manifest})
    place.run("link", place.view_spec(view))
    assert (place.hub / MANIFEST).readlink() == Path(manifest)
    assert (place.hub / MANIFEST).read_bytes() == b"{}"
    take(place)
    assert not place.hub.exists()


@pytest.mark.parametrize("to", ["file", "directory"])
def test_a_file_becomes_a_directory_and_back(place: Linker, to: str) -> None:
    views: tuple[dict[str, str | bytes], ...] = ({"m": b"1"}, {"m/1/model.onnx": b"2"})
    first, second = views if to == "directory" else reversed(views)
    put(place, first)
    run = put(place, second, "2")
    assert (run.status, run.err) == (0, [])
    assert files(place) == second
    take(place)
    assert not place.hub.exists()


def test_a_moved_directory_is_emptied(place: Linker) -> None:
    put(place, {A: b"a"})
    other = place.but(hub=place.root / "elsewhere")
    put(other, {A: b"a"}, "2")
    assert files(other) == {A: b"a"}
    assert not place.hub.parent.exists()


def test_the_directory_may_be_a_link_of_the_administrator(place: Linker) -> None:
    disk = place.root / "disk"
    disk.mkdir()
    place.hub.parent.mkdir()
    place.hub.symlink_to(disk)
    put(place, {A: b"a"})
    assert files(place) == {A: b"a"}
    take(place)
    assert contents(disk) == {}
    assert place.hub.is_symlink()


def test_a_directory_of_ours_that_the_user_has_moved_to_another_disk(place: Linker) -> None:
    put(place, {A: b"a"})
    disk = place.root / "disk"
    place.hub.rename(disk)
    place.hub.symlink_to(disk)
    assert put(place, {A: b"b"}, "2").err == []
    assert files(place) == {A: b"b"}
    run = take(place)
    assert (run.status, run.err) == (0, [])
    assert contents(disk) == {}
    assert place.hub.readlink() == disk
    assert not place.state.exists()


@cures("remove the link on its path, or choose another directory in …")
def test_a_directory_inside_the_store_is_refused(place: Linker, remedy: Remedy) -> None:
    view = place.view({"sub/a": b"a"})
    place.hub.parent.symlink_to(view / "sub")
    before = contents(place.store)
    spec = place.view_spec(place.view({"b": b"b"}, "2"))
    (place.store / f"{'0' * 32}-view/sub").chmod(0o755)
    (place.store / f"{'0' * 32}-view/sub/models").mkdir()
    run = place.run("link", spec)
    assert run.status == 1
    (line,) = run.err
    assert line.startswith(f"error: {place.hub} leads into {place.store}, where nothing can be")
    assert list((view / "sub/models").iterdir()) == []
    assert before.items() <= contents(place.store).items()
    remedy(line)
    place.hub.parent.unlink()
    assert place.run("link", spec).status == 0


def test_another_file_system_inside(place: Linker) -> None:
    """Nothing can be moved to it from the directory around it."""
    (place.hub / "loras").mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "x", place.hub / "loras"], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        for number in (b"1", b"2"):
            run = put(place, {"loras/x": number}, number.decode())
            assert (run.status, run.err) == (0, [])
            assert files(place) == {"loras/x": number}
        take(place)
        assert contents(place.hub) == {"loras": ("directory",)}
    finally:
        subprocess.run(["umount", place.hub / "loras"], check=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "other"}, "kind is 'other'"),
        ({"directory": "models"}, "directory is 'models', which is not an absolute path"),
        ({"view": "/etc"}, "/etc is not below"),
        ({"copies": [1]}, "an item of copies is 1"),
        ({"mode": "copy"}, "mode is 'copy'"),
    ],
)
def test_a_wrong_spec(place: Linker, change: dict[str, object], said: str) -> None:
    file = place.view_spec(place.view({"a": b"a"}))
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    run = place.run("link", file)
    assert run.status == 1
    assert said in run.err[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_read_only_directory_is_told(place: Linker) -> None:
    place.hub.mkdir(parents=True)
    # pytest closes its directories to other users.
    for path in place.root.parents[:-2]:
        path.chmod(path.stat().st_mode | 0o011)
    place.root.chmod(0o755)
    place.state.parent.chmod(0o777)
    spec = place.view_spec(place.view({"a": b"a"}))
    run = place.run("link", spec, launcher=["setpriv", "--reuid=1", "--regid=1", "--clear-groups"])
    assert run.status == 1
    assert "/a: Permission denied" in run.err[0]
    assert "change the owner (sudo chown -R daemon -- " in run.err[0]
