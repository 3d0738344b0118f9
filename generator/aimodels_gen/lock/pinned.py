"""Files that are pinned: whose they are, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.lock.model import BundledFile, PinnedSource


@dataclass(frozen=True)
class PinnedFile:
    """A file of a `files` pin, whose it is, and where it comes from.

    Attributes:
        bundled: whether it has no store path of its own.
    """

    model: str
    path: str
    pin: BundledFile
    sources: Sequence[PinnedSource]
    bundled: bool = False
