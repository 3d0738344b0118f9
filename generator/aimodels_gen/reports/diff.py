"""What changed between two locks, model by model."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact
from aimodels_gen.tables import about

Kind = Literal["added", "changed", "removed"]


class FileChange(Fact, frozen=True):
    """A file that is not what it was."""

    path: Annotated[str, about("Its path in the model.")]
    change: Annotated[
        Literal["added", "changed", "removed", "unknown"],
        about("unknown: only reading the file would show it."),
    ]
    old_size: Annotated[int | None, about("Bytes before.")] = None
    size: Annotated[int | None, about("Bytes now.")] = None


class Side(Fact, frozen=True):
    """A model before a change or after it."""

    source: Annotated[str, about("Where it comes from, such as org/name.")]
    pin: Annotated[Literal["files", "tree"], about("As in models.toml.")]
    files: Annotated[int, about("The number of its files.")]
    size: Annotated[int | None, about("The sum of their sizes in bytes.")] = None
    ref: Annotated[str | None, about("The branch or tag that an update follows.")] = None
    commit: Annotated[str | None, about("The exact commit.")] = None
    modified: Annotated[str | None, about("The date of the commit.")] = None
    license: Annotated[str | None, about("As the source calls it.")] = None
    gated: Annotated[str | None, about("How access is granted, where it is limited.")] = None
    fallbacks: Annotated[int, about("The number of fallbacks.")] = 0
    bundled: Annotated[int, about("The number of files that share one store path.")] = 0

    @property
    def version(self) -> str:
        """Return the first seven digits of the commit, empty where there is none."""
        return (self.commit or "")[:7]


class ModelChange(Fact, frozen=True):
    """A model that came, went or changed."""

    name: str
    change: Kind
    old: Annotated[Side | None, about("Absent for a new model.")] = None
    new: Annotated[Side | None, about("Absent for a model that is gone.")] = None
    files: Annotated[
        tuple[FileChange, ...], about("Files that differ, where both pins know files.")
    ] = ()
    settings: Annotated[
        tuple[str, ...], about("What else differs: keys of models.toml, or details of the card.")
    ] = ()
    download: Annotated[int | None, about("Bytes that were not pinned before.")] = None
    compare: Annotated[str | None, about("The page that shows the difference.")] = None

    @property
    def moved(self) -> bool:
        """Return whether the commit is another one."""
        return bool(self.old and self.new and self.old.commit != self.new.commit)

    @property
    def new_license(self) -> bool:
        """Return whether the licence is another one."""
        return bool(self.old and self.new and self.old.license != self.new.license)

    @property
    def new_gate(self) -> bool:
        """Return whether access is limited in another way."""
        return bool(self.old and self.new and self.old.gated != self.new.gated)


class Total(Fact, frozen=True):
    """The sums over all models that there are now."""

    models: int
    files: int
    size: Annotated[int, about("Bytes.")]
    download: Annotated[int, about("Bytes that were not pinned before, each content once.")]


class Report(BaseReport, frozen=True):
    """The whole difference."""

    title: ClassVar[str] = "aimodels-gen diff --json"

    changes: Annotated[tuple[ModelChange, ...], about("In the order of their names.")]
    unchanged: Annotated[int, about("The number of models that are what they were.")]
    total: Total
