"""What has moved upstream since it was locked."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact
from aimodels_gen.reports.diff import ModelChange
from aimodels_gen.tables import about

Status = Literal["outdated", "current", "unknown", "pinned", "unlocked", "changed", "failed"]


class Model(Fact, frozen=True):
    """One model."""

    name: str
    status: Annotated[
        Status,
        about(
            "outdated: an update would change its pin. current: it would not. unknown: only an "
            "update can show it, which reads files. pinned: models.toml sets the exact revision; "
            "nobody was asked. unlocked: not locked yet. changed: models.toml or the pin was "
            "edited since it was locked. failed: its source did not answer; the pin stays."
        ),
    ]
    change: Annotated[ModelChange | None, about("What an update would change.")] = None
    notes: Annotated[tuple[str, ...], about("What else there is to know, in words.")] = ()


class Report(BaseReport, frozen=True):
    """All models."""

    title: ClassVar[str] = "aimodels-gen outdated --json"

    models: Annotated[tuple[Model, ...], about("In the order of their names.")]

    def having(self, *statuses: Status) -> list[Model]:
        """Return the models that have one of these statuses."""
        return [model for model in self.models if model.status in statuses]
