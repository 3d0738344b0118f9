"""The build of one layer of large files, which all images with these files share."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimodels_images.layer import Blob, Layer, dumped

if TYPE_CHECKING:
    from collections.abc import Mapping


def build_layer(spec: Mapping[str, Any], out: Path) -> None:
    """Read the files of a layer, and write its digest to `out`.

    Raises:
        ImageError: A file cannot be read.
    """
    blobs = [
        Blob(
            store=file["store"],
            sha256=base64.b64decode(file["hash"].removeprefix("sha256-")).hex(),
            size=Path(file["store"]).stat().st_size,
        )
        for file in spec["files"]
    ]
    layer = Layer.of_blobs(blobs)
    rows = [{"store": b.store, "sha256": b.sha256, "size": b.size} for b in blobs]
    out.write_text(dumped({"digest": layer.digest(), "blobs": rows}))
