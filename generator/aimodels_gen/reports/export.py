"""What `export` has written to a disk."""

from __future__ import annotations

from typing import ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact

State = Literal["written", "present", "missing"]


class StorePath(Fact, frozen=True):
    """A store path of a model.

    Attributes:
        size: of its files, in bytes.
        state: written (with --dry-run: to be written); present: the disk had it; missing: it
            failed.
    """

    path: str
    size: int
    state: State


class Model(Fact, frozen=True):
    """A model, and its store paths."""

    name: str
    paths: list[StorePath]


class Total(Fact, frozen=True):
    """Store paths, each counted once, and the bytes of their files."""

    paths: int
    bytes: int


class Report(BaseReport, frozen=True):
    """What `export` has written to a disk.

    Attributes:
        directory: on the disk.
        dry_run: whether nothing was written.
        pruned: what was removed from the disk, with `--prune`.
        errors: why some are missing.
    """

    title: ClassVar[str] = "What aimodels-gen export has written to a disk"

    directory: str
    dry_run: bool
    models: list[Model]
    written: Total
    present: Total
    missing: Total
    pruned: Total
    errors: list[str]
