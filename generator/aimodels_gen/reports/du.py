"""What `du --json` prints: the bytes of models, and those of them that the store has."""

from __future__ import annotations

from typing import ClassVar

from aimodels_gen.reports import BaseReport, Fact


class Usage(Fact, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Bytes. Those in the store are left out where it is not known.

    Attributes:
        size: of all files that are pinned.
        shared: of files that other models have, too, in the same store paths.
        stored: on disk in the store; copies count each.
        duplicate: what of it the store has several times: in store paths that builds ask for, and
            in entries that are copies.
        freeable: what of it garbage collection would remove.
    """

    size: int
    shared: int
    stored: int | None = None
    duplicate: int | None = None
    freeable: int | None = None


class Model(Usage, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The usage of a model."""

    name: str


class Report(BaseReport, frozen=True, kw_only=True, rename="camel"):
    """The usage of models, and of all of them together, what they share counted once."""

    title: ClassVar[str] = "aimodels-gen du"
    lock: str
    models: tuple[Model, ...]
    total: Usage
