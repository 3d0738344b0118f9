"""What `lock --check` finds: where models.toml, models.lock and the outputs disagree."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact
from aimodels_gen.tables import about

Kind = Literal[
    "unlocked",
    "changed",
    "settings",
    "removed",
    "edited",
    "lock",
    "output-missing",
    "output-format",
    "output",
]


class Problem(Fact, frozen=True):
    """One disagreement."""

    kind: Annotated[
        Kind,
        about(
            "unlocked: in models.toml only. changed: models.toml asks for other files. settings: "
            "models.toml has other settings. removed: in models.lock only. edited: its pin was "
            "edited by hand. lock: models.lock is missing, or written otherwise. output-missing, "
            "output-format, output: a file is missing, has another format or other content."
        ),
    ]
    message: Annotated[str, about("What is wrong, in words.")]
    command: Annotated[str, about("The command that fixes it.")]
    model: Annotated[str | None, about("The model that it is about.")] = None
    file: Annotated[str | None, about("The file that it is about.")] = None


class Report(BaseReport, frozen=True):
    """All disagreements."""

    title: ClassVar[str] = "aimodels-gen lock --check --json"

    problems: Annotated[tuple[Problem, ...], about("Empty where all files agree.")]
