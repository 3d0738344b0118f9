"""The build of an image: it reads what no other build has read, and describes the image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimodels_images.contents import Contents
from aimodels_images.image import (
    CONFIG_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Image,
    described,
    digest_of,
)
from aimodels_images.layer import Blob, Layer, dumped
from aimodels_images.programs import layer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# For programs that show an age or sort by it.
_CREATED = "1970-01-01T00:00:01Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class _Read:
    """A layer that was read, and what `docker history` shows for it."""

    digest: str
    layer: Layer
    says: str


def build(spec: Mapping[str, Any], out: Path) -> None:
    """Describe an image at `out`: its manifest, and where the content of its layers is.

    Args:
        spec: What Nix has written; see nix/integration/image.nix.
        out: The directory to make, with those above it.

    Raises:
        ImageError: A model has what an image cannot have.
    """
    read = list(_layers(spec))
    config = _config(spec, read)
    layers = [Descriptor(LAYER_TYPE, one.digest, one.layer.size) for one in read]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": described(CONFIG_TYPE, config).to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    content = dumped(manifest).encode()
    out.mkdir(parents=True)
    Image(
        name=spec["name"],
        tag=spec["tag"],
        manifest=described(MANIFEST_TYPE, content),
        documents={digest_of(content): content, digest_of(config): config},
        layers={one.digest: one.layer for one in read},
    ).write(out)
    # Whoever keeps the image keeps them: the next one does not read these files again.
    (out / "layers").write_text("".join(f"{path}\n" for path in spec["layers"]))


def _layers(spec: Mapping[str, Any]) -> Iterator[_Read]:
    """Walk over the layers, from the one that changes least to the one that changes most."""
    if spec["programs"] is not None:
        programs = layer_of(Path(spec["programs"]))
        yield _Read(programs.digest(), programs, "programs")
    made = [_read_layer(path) for path in spec["layers"]]
    known = {blob.store: blob.sha256 for _, blobs in made for blob in blobs}
    contents = Contents(known)
    for model in spec["models"]:
        if spec["layout"] == "files":
            contents.add_files(Path(model["path"]))
        else:
            contents.add_entry(model["name"], Path(model["path"]))
    yield from _blob_layers(contents, made, spec["maxLayers"])
    rest = Layer(contents.members())
    yield _Read(rest.digest(), rest, "links and small files")


def _read_layer(path: str) -> tuple[str, tuple[Blob, ...]]:
    """Return the digest and the contents of a layer that another build has read."""
    data = json.loads(Path(path).read_bytes())
    return data["digest"], tuple(Blob(**blob) for blob in data["blobs"])


def _blob_layers(
    contents: Contents, made: list[tuple[str, tuple[Blob, ...]]], most: int
) -> Iterator[_Read]:
    """Walk over the layers of all large files, in their order."""
    blobs = contents.blobs
    by_blob = {blob.sha256: one for one in reversed(made) for blob in one[1]}
    digests = dict.fromkeys(by_blob[sha256][0] for sha256 in blobs if sha256 in by_blob)
    # Links, small files and programs have layers, too.
    rest = [blob for sha256, blob in blobs.items() if sha256 not in by_blob]
    groups = list(chunks(rest, max(1, most - 2 - len(digests))))
    unread = {blob.sha256: group for group in groups for blob in group}
    done: set[str] = set()
    for sha256 in blobs:
        if sha256 in done:
            continue
        if sha256 in by_blob:
            digest, group = by_blob[sha256]
            layer = Layer.of_blobs(list(group))
        else:
            group = tuple(unread[sha256])
            layer = Layer.of_blobs(list(group))
            digest = layer.digest()
        done |= {blob.sha256 for blob in group}
        yield _Read(digest, layer, _says(contents, group))


def chunks(blobs: list[Blob], most: int) -> Iterator[list[Blob]]:
    """Divide contents into so many groups, of neighbours: a changed file changes one group."""
    length = -(-len(blobs) // most)
    for start in range(0, len(blobs), length or 1):
        yield blobs[start : start + length]


def _config(spec: Mapping[str, Any], layers: list[_Read]) -> bytes:
    config = {
        "architecture": spec["architecture"],
        "os": "linux",
        "created": _CREATED,
        "config": {"Env": [_PATH]} if spec["programs"] is not None else {},
        "rootfs": {"type": "layers", "diff_ids": [one.digest for one in layers]},
        "history": [{"created": _CREATED, "created_by": one.says} for one in layers],
    }
    return dumped(config).encode()


def _says(contents: Contents, group: tuple[Blob, ...]) -> str:
    return " ".join(sorted({contents.names.get(blob.sha256, blob.sha256) for blob in group}))
