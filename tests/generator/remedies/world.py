"""A project that is refused, and then what is done about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from support.project import Project
    from support.remedies import Remedy

Step: TypeAlias = "Callable[[Any], object]"
"""What is done to a world."""


@dataclass
class World:
    """A project with a model.

    Attributes:
        said: What was said.
        hint: What was filled in in the hint that is followed.
    """

    project: Project
    patch: pytest.MonkeyPatch
    said: str = field(default="", init=False)
    hint: tuple[str, ...] = field(default=(), init=False)

    def set(self, **variables: str | None) -> None:
        """Set variables; None unsets one."""
        for name, value in variables.items():
            if value is None:
                self.patch.delenv(name, raising=False)
            else:
                self.patch.setenv(name, value)

    def follows(self, remedy: Remedy, broken: Step, mended: Step) -> None:
        """Break something, do what is said about it, and lock."""
        broken(self)
        self.said = self.project.fails("lock")
        self.hint = remedy(self.said)
        mended(self)
        self.project.ok("lock")
