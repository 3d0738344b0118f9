"""An image as one archive, as `docker load`, `podman load` and `skopeo` read it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, BinaryIO

from aimodels_images.errors import ImageError
from aimodels_images.layer import dumped, repair
from aimodels_images.tar import END, Member, header, padding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_images.image import Image

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def write_archive(image: Image, stream: BinaryIO) -> None:
    """Write the image to a stream, and check the content of its layers meanwhile.

    Raises:
        ImageError: A file of the store is not as it was when the image was built. The archive is
            cut off then.
    """
    stream.writelines(header(Member("directory", path)) for path in ("blobs", "blobs/sha256"))
    for name, content in _documents(image).items():
        stream.write(header(Member("file", name, size=len(content))))
        stream.write(content + bytes(padding(len(content))))
    for digest in image.layers:
        size = image.size_of(digest)
        stream.write(header(Member("file", _blob(digest), size=size)))
        stream.writelines(_checked(image, digest))
        stream.write(bytes(padding(size)))
    stream.write(END)
    stream.flush()


def _documents(image: Image) -> dict[str, bytes]:
    reference = f"{image.name}:{image.tag}"
    index: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": _INDEX_TYPE,
        "manifests": [
            {
                **image.manifest.to_json(),
                "annotations": {
                    "io.containerd.image.name": reference,
                    "org.opencontainers.image.ref.name": image.tag,
                },
            }
        ],
    }
    # For releases of Docker before 25.
    legacy = [
        {
            "Config": _blob(image.config),
            "RepoTags": [reference],
            "Layers": list(map(_blob, image.layers)),
        }
    ]
    return {
        "oci-layout": dumped({"imageLayoutVersion": "1.0.0"}).encode(),
        "index.json": dumped(index).encode(),
        "manifest.json": dumped(legacy).encode(),
        **{_blob(digest): content for digest, content in image.documents.items()},
    }


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _checked(image: Image, digest: str) -> Iterator[bytes]:
    found = hashlib.sha256()
    for piece in image.pieces(digest):
        found.update(piece)
        yield piece
    if f"sha256:{found.hexdigest()}" != digest:
        paths = [m.target for m in image.layers[digest].members if m.kind == "file"]
        raise ImageError(
            f"the content of {' or '.join(paths[:3])} is not as it was when the image was built",
            repair(paths[0]),
        )
