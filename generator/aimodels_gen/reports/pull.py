"""What `pull` has put into the store."""

from __future__ import annotations

from typing import ClassVar

from aimodels_gen.reports import BaseReport
from aimodels_gen.reports.prefetch import Model, Total


class Report(BaseReport, frozen=True):
    """What `pull` has put into the store.

    Attributes:
        cache: where it was taken from.
        pulled: paths that came from there; the origin of these is `downloaded`.
        received: bytes that came from there.
        errors: why some are missing.
    """

    title: ClassVar[str] = "What aimodels-gen pull has put into the Nix store"

    cache: str
    models: list[Model]
    pulled: Total
    reused: Total
    cached: Total
    present: Total
    missing: Total
    received: int
    errors: list[str]
