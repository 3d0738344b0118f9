"""What `verify` reports: for each model and place, what was compared, and every difference."""

from __future__ import annotations

from typing import ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact

Kind = Literal["changed", "missing", "extra", "damaged", "gone", "failed"]
"""What a difference is.

changed: something else is there than is pinned. missing: nothing is there. extra: a file that the
pin lacks. damaged: content that is not what its name says. gone: the pinned commit, or the
repository, is not there or may not be read. failed: it could not be compared.
"""


class Difference(Fact, frozen=True):
    """One thing that is not as the lock says.

    Attributes:
        file: the path in the model.
        path: where it is in the store or the cache.
        pinned: what the lock says.
        found: what is there.
        message: all of it, as one line.
        hint: the next step.
    """

    kind: Kind
    message: str
    file: str | None = None
    path: str | None = None
    pinned: str | None = None
    found: str | None = None
    hint: str | None = None


class Counts(Fact, frozen=True, omit_defaults=False):
    """How many files were compared, each by the best that there was.

    Attributes:
        sha256: by a published checksum, or by reading them.
        git_blob_id: by the id that git has for their content.
        etag: by an ETag or a version, which change with the content.
        nothing: not compared but for their sizes: only reading them would tell.
    """

    sha256: int = 0
    git_blob_id: int = 0
    etag: int = 0
    nothing: int = 0


class Place(Fact, frozen=True):
    """One place that was compared with the pin of a model.

    Attributes:
        kind: what it is.
        place: its name: the label of a source with its revision, a directory.
    """

    kind: Literal["source", "fallback", "store", "cache"]
    place: str
    compared: Counts
    differences: tuple[Difference, ...]


class VerifiedModel(Fact, frozen=True):
    """A model and the places where it was looked for."""

    name: str
    places: tuple[Place, ...]


class Report(BaseReport, frozen=True):
    """The whole report.

    Attributes:
        ok: whether there is no difference.
    """

    title: ClassVar[str] = "aimodels-gen verify --json"

    ok: bool
    models: tuple[VerifiedModel, ...]
