"""What `push` has sent to a binary cache, or to another machine."""

from __future__ import annotations

from typing import ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact

State = Literal["sent", "resumed", "present", "missing", "failed"]


class StorePath(Fact, frozen=True):
    """A store path of a model.

    Attributes:
        size: of its archive, in bytes.
        state: sent; resumed: an earlier run had sent its archive; present: the cache had it;
            missing: the cache lacks it, in a dry run; failed.
    """

    path: str
    size: int
    state: State


class Model(Fact, frozen=True):
    """A model, and its store paths."""

    name: str
    paths: list[StorePath]


class Total(Fact, frozen=True):
    """Store paths of one state, each counted once, and the bytes of their archives."""

    paths: int
    bytes: int


class Report(BaseReport, frozen=True):
    """What `push` has sent.

    Attributes:
        cache: its URL, without a query.
        dry_run: whether nothing was sent on purpose.
        errors: why some failed.
    """

    title: ClassVar[str] = (
        "What aimodels-gen push has sent to a binary cache, or to another machine"
    )

    cache: str
    dry_run: bool
    models: list[Model]
    sent: Total
    resumed: Total
    present: Total
    missing: Total
    failed: Total
    errors: list[str]
