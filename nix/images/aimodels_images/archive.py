"""An image as one archive, as `docker load`, `podman load` and `skopeo` read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from aimodels_images.layer import dumped
from aimodels_images.tar import END, Member, header, padding

if TYPE_CHECKING:
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
        stream.writelines(image.checked(digest))
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
