"""An image as a build leaves it: small files, and where the content of the layers is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimodels_images.errors import ImageError
from aimodels_images.layer import Layer, dumped, repair
from aimodels_images.tar import Member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Descriptor:
    """What manifests say about a part of an image."""

    media_type: str
    digest: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """Return it as manifests have it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Image:
    """An image.

    Attributes:
        name: As `docker pull` takes it, with or without a registry.
        tag: The tag.
        manifest: Describes the manifest.
        documents: The manifest and the configuration, by their digests.
        layers: The layers by their digests, from the lowest to the highest.
    """

    name: str
    tag: str
    manifest: Descriptor
    documents: dict[str, bytes]
    layers: dict[str, Layer]

    @property
    def config(self) -> str:
        """The digest of the configuration."""
        (digest,) = self.documents.keys() - {self.manifest.digest}
        return digest

    def write(self, out: Path) -> None:
        """Write it to a directory, which must be there."""
        layers = [
            {"digest": digest, "members": [_pack(member) for member in layer.members]}
            for digest, layer in self.layers.items()
        ]
        (out / "manifest.json").write_bytes(self.documents[self.manifest.digest])
        (out / "config.json").write_bytes(self.documents[self.config])
        (out / "image.json").write_text(
            dumped({"version": VERSION, "name": self.name, "tag": self.tag, "layers": layers})
        )

    @classmethod
    def read(cls, directory: Path) -> Image:
        """Read what `write` has written.

        Raises:
            ImageError: It is of another version.
        """
        data = json.loads((directory / "image.json").read_bytes())
        if data["version"] != VERSION:
            raise ImageError(
                f"{directory} has version {data['version']}, but this program reads {VERSION}"
            )
        manifest = (directory / "manifest.json").read_bytes()
        return cls(
            name=data["name"],
            tag=data["tag"],
            manifest=described(MANIFEST_TYPE, manifest),
            documents={
                digest_of(content): content
                for content in (manifest, (directory / "config.json").read_bytes())
            },
            layers={
                layer["digest"]: Layer(tuple(map(_unpack, layer["members"])))
                for layer in data["layers"]
            },
        )

    def size_of(self, digest: str) -> int:
        """Return the bytes of a document or layer."""
        if digest in self.documents:
            return len(self.documents[digest])
        return self.layers[digest].size

    def pieces(self, digest: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Walk over the bytes of a document or layer in this range.

        Raises:
            ImageError: A file of a layer cannot be read.
        """
        if digest in self.documents:
            return iter([self.documents[digest][start:end]])
        return self.layers[digest].pieces(start, end)

    def checked(self, digest: str) -> Iterator[bytes]:
        """Walk over the bytes of a layer, and check them.

        Raises:
            ImageError: A file of the layer is not as it was. All bytes were returned then.
        """
        found = hashlib.sha256()
        for piece in self.pieces(digest):
            found.update(piece)
            yield piece
        if f"sha256:{found.hexdigest()}" != digest:
            files = self.layers[digest].suspects()
            raise ImageError(
                f"{' or '.join(files[:3])} is not as it was when the image was built",
                repair(files),
            )


def digest_of(content: bytes) -> str:
    """Return the digest of a document."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def described(media_type: str, content: bytes) -> Descriptor:
    """Return what manifests say about a document."""
    return Descriptor(media_type, digest_of(content), len(content))


def _pack(member: Member) -> list[Any]:
    rest: list[Any] = [member.target] if member.target else []
    if member.kind == "file":
        rest += [member.size, *([1] if member.is_program else [])]
    return [member.kind[0], member.path, *rest]


def _unpack(row: list[Any]) -> Member:
    kind, path, *rest = row
    if kind == "f":
        target, size, *program = rest
        return Member("file", path, target, size, bool(program))
    return Member("link", path, rest[0]) if kind == "l" else Member("directory", path)
