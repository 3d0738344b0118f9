"""What `prefetch` has put into the store."""

from __future__ import annotations

from typing import ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact

Origin = Literal["downloaded", "reused", "cached", "present", "missing"]


class StorePath(Fact, frozen=True):
    """A store path of a model.

    Attributes:
        size: of its files, in bytes.
        origin: downloaded; reused: the store had the content under another path; cached: the
            user's cache had it; present: it was there; missing: it failed.
    """

    path: str
    size: int
    origin: Origin


class Model(Fact, frozen=True):
    """A model, and its store paths."""

    name: str
    paths: list[StorePath]


class Total(Fact, frozen=True):
    """Store paths of one origin, each counted once, and the bytes of their files."""

    paths: int
    bytes: int


class Report(BaseReport, frozen=True):
    """What `prefetch` has put into the store.

    Attributes:
        errors: why some are missing.
    """

    title: ClassVar[str] = "What aimodels-gen prefetch has put into the Nix store"

    models: list[Model]
    downloaded: Total
    reused: Total
    cached: Total
    present: Total
    missing: Total
    errors: list[str]
