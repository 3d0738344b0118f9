"""What is where in an image, and which files have layers of their own."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from aimodels_images.errors import ImageError
from aimodels_images.image import Image

if TYPE_CHECKING:
    from pathlib import Path

    from images.conftest import Store

LARGE = 1 << 20
COMMIT = "0" * 40


def large(number: int) -> bytes:
    return bytes([number]) * LARGE


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read(image: Path) -> Image:
    return Image.read(image)


def paths(image: Path) -> list[set[str]]:
    """Return the paths in each layer, but for directories."""
    layers = read(image).layers.values()
    return [{m.path for m in layer.members if m.kind != "directory"} for layer in layers]


def unpack(image: Path, out: Path) -> Path:
    """Do what a program does that makes a root file system of an image."""
    for layer in read(image).layers.values():
        for member in layer.members:
            place = out / member.path
            if member.kind == "directory":
                place.mkdir(parents=True, exist_ok=True)
            elif member.kind == "link":
                place.symlink_to(member.target)
            else:
                with open(member.target, "rb") as file:  # noqa: PTH123 (a string)
                    place.write_bytes(file.read())
    return out


def test_a_cache(store: Store, tmp_path: Path) -> None:
    files = {"a.bin": large(1), "sub/b.bin": large(2), "same.bin": large(1), "config.json": b"{}"}
    image = store.image(store.entry(files))
    root = unpack(image, tmp_path / "root")
    entry = root / "models/hub/models--org--m"
    snapshot = entry / "snapshots" / COMMIT
    assert {path: (snapshot / path).read_bytes() for path in files} == files
    assert (entry / "refs/main").read_text() == COMMIT
    # Nothing leads out of /models, and whoever mounts only that has all of it.
    for path in root.rglob("*"):
        assert path.resolve().is_relative_to(root / "models")
    assert paths(image)[:-1] == [{f"models/.blobs/{sha256(large(number))}"} for number in (1, 2)]


def test_the_files_of_a_model(store: Store, tmp_path: Path) -> None:
    files = {"a.bin": large(1), "sub/dir/b.bin": large(2), "config.json": b"{}"}
    entry = store.entry(files)
    snapshot = entry / "snapshots" / COMMIT
    spec = [{"name": "m", "path": str(snapshot)}]
    image = store.image(layout="files", models=spec)
    root = unpack(image, tmp_path / "root")
    assert {path: (root / "models" / path).read_bytes() for path in files} == files
    assert not (root / "models/config.json").is_symlink()
    assert sorted(path.name for path in (root / "models").iterdir()) == [
        *(".blobs", "a.bin", "config.json", "sub")
    ]
    # Its large files have the same layers as in a cache.
    assert paths(image)[:-1] == paths(store.image(entry))[:-1]


def test_layers_do_not_depend_on_names_and_models(store: Store) -> None:
    entry = store.entry({"a.bin": large(1), "c.json": b"{}"}, "one")
    one = read(store.image(entry))
    two = read(store.image(store.entry({"sub/x.bin": large(1), "y.bin": large(2)}, "two")))
    shared = one.layers.keys() & two.layers.keys()
    assert len(shared) == 1
    again = read(store.image(entry, tag="v2"))
    assert again.layers.keys() == one.layers.keys()
    assert again.manifest == one.manifest


def test_a_changed_file_changes_one_layer_of_many(store: Store) -> None:
    """Also if several files have to share a layer."""

    def layers(changed: int | None = None) -> set[str]:
        files = {
            f"{number:02}.bin": large(100 if number == changed else number) for number in range(12)
        }
        return set(read(store.image(store.entry(files), maxLayers=6)).layers)

    first = layers()
    assert len(first) <= 6
    for changed in (0, 5, 11):
        second = layers(changed)
        # The layer with the file, and the one with the links.
        assert len(second - first) == 2
        assert len(second) == len(first)


def test_names_that_only_look_like_checksums_are_not_trusted(store: Store) -> None:
    """Whoever has made a model chooses the names of its files."""
    claimed = sha256(large(2))
    directory = store.directory / f"{'a' * 32}-plain"
    (directory / "blobs").mkdir(parents=True)
    (directory / claimed).symlink_to(store.file("weights.bin", large(1)))
    (directory / "blobs" / claimed).symlink_to(store.file("weights.bin", large(3)))
    image = store.image(layout="files", models=[{"name": "m", "path": str(directory)}])
    assert paths(image)[0] | paths(image)[1] == {
        f"models/.blobs/{sha256(large(number))}" for number in (1, 3)
    }


@pytest.mark.parametrize("name", [".wh.config.json", "sub/.wh..wh..opq"])
def test_names_that_would_remove_files_are_refused(store: Store, name: str) -> None:
    with pytest.raises(ImageError, match=r"images use this name for something else"):
        store.image(store.entry({name: b"{}"}))


def test_a_model_has_no_directory_of_ours(store: Store) -> None:
    entry = store.entry({".blobs/x": b"{}"})
    spec = [{"name": "m", "path": str(entry / "snapshots" / COMMIT)}]
    with pytest.raises(ImageError, match=r"'\.blobs'"):
        store.image(layout="files", models=spec)
    # In a cache it is elsewhere.
    assert store.image(entry)


def test_programs(store: Store) -> None:
    busybox = store.directory / f"{'b' * 32}-busybox"
    (busybox / "bin").mkdir(parents=True)
    (busybox / "bin/busybox").write_bytes(b"#!")
    (busybox / "bin/busybox").chmod(0o555)
    (busybox / "bin/sh").symlink_to("busybox")
    (busybox / "linuxrc").symlink_to(busybox / "bin/busybox")
    (busybox / "notes").write_bytes(b"text")
    image = read(store.image(store.entry({"config.json": b"{}"}), programs=str(busybox)))
    first = next(iter(image.layers.values()))
    assert {member.path: (member.mode, member.target) for member in first.members} == {
        "bin": (0o755, ""),
        "bin/busybox": (0o555, str(busybox / "bin/busybox")),
        "bin/sh": (0o777, "busybox"),
        "linuxrc": (0o777, "bin/busybox"),
        "notes": (0o444, str(busybox / "notes")),
    }
    config = json.loads(image.documents[image.config])
    assert "/bin" in config["config"]["Env"][0]


def test_the_descriptions_agree(store: Store) -> None:
    image = read(store.image(store.entry({"a.bin": large(1), "config.json": b"{}"})))
    manifest = json.loads(image.documents[image.manifest.digest])
    config = json.loads(image.documents[image.config])
    digests = [layer["digest"] for layer in manifest["layers"]]
    assert digests == config["rootfs"]["diff_ids"] == list(image.layers)
    assert [row["size"] for row in manifest["layers"]] == [
        layer.size for layer in image.layers.values()
    ]
    assert [layer.digest() for layer in image.layers.values()] == digests
    assert [row["created_by"] for row in config["history"]] == ["a.bin", "links and small files"]
    assert manifest["config"]["digest"] == image.config


def test_no_name_depends_on_the_order_of_a_directory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = store.entry({f"{number}.bin": large(number) for number in range(4)})
    first = read(store.image(entry)).manifest
    scandir = os.scandir

    class Backwards:
        def __init__(self, path: str) -> None:
            self._found = iter(sorted(scandir(path), key=lambda child: child.name, reverse=True))

        def __iter__(self) -> Backwards:
            return self

        def __next__(self) -> os.DirEntry[str]:
            return next(self._found)

        def __enter__(self) -> Backwards:  # noqa: PYI034 (Self is new in Python 3.11)
            return self

        def __exit__(self, *_: object) -> None: ...

        close = __exit__

    monkeypatch.setattr(os, "scandir", Backwards)
    assert read(store.image(entry, tag="again")).manifest == first
