"""A view of models: a directory of links to files in the Nix store, arranged for one engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_view(spec: object, out: Path) -> None:
    """Make the view that a spec describes.

    Args:
        spec: What Nix has written; see nix/integration/view.nix.
        out: The directory to make.

    Raises:
        EngineError: The models do not have what the spec asks for.
    """
    raise NotImplementedError
