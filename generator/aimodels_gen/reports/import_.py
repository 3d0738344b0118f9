"""What `import` took from the files of this machine, and what has still to be downloaded."""

from __future__ import annotations

from typing import ClassVar

from aimodels_gen.reports import BaseReport, Fact


class Amount(Fact, frozen=True, kw_only=True):
    """A number of files, and their size in bytes."""

    files: int
    bytes: int


class ImportedFile(Fact, frozen=True, kw_only=True):
    """A file of a model.

    Attributes:
        store_path: where the store has it, or would have it.
    """

    path: str
    bytes: int
    store_path: str


class ImportedModel(Fact, frozen=True, kw_only=True):
    """A model.

    Attributes:
        present: what was there already: in the store, or in the user's cache of small files.
        taken: what was taken from the files of this machine.
        missing: what has still to be downloaded.
        taken_files: those of `taken`.
        missing_files: those of `missing`; a tree is one of the name "".
    """

    name: str
    present: Amount
    taken: Amount
    missing: Amount
    taken_files: tuple[ImportedFile, ...] = ()
    missing_files: tuple[ImportedFile, ...] = ()


class ReplacedFile(Fact, frozen=True, kw_only=True):
    """A file that is now a link to the store."""

    path: str
    bytes: int
    store_path: str


class KeptFile(Fact, frozen=True, kw_only=True):
    """A file that was not replaced, and why."""

    path: str
    bytes: int
    reason: str


class Report(BaseReport, frozen=True, kw_only=True):
    """The report of `aimodels-gen import --json`.

    Attributes:
        directories: where was looked.
        replaced: what is now a link, with `--replace`.
        kept: what could not be replaced, with `--replace`.
    """

    title: ClassVar[str] = "aimodels-gen import"

    directories: tuple[str, ...]
    models: tuple[ImportedModel, ...]
    present: Amount
    taken: Amount
    missing: Amount
    replaced: tuple[ReplacedFile, ...] = ()
    kept: tuple[KeptFile, ...] = ()
