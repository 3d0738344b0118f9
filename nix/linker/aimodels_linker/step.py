"""One step of a run: what is done about one name, and the record of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from aimodels_linker.state import merge_records
from aimodels_linker.write import Scratch

if TYPE_CHECKING:
    from aimodels_linker.spec import Entry
    from aimodels_linker.state import Record
    from aimodels_linker.view import FileEntry, FolderEntry

Action: TypeAlias = Callable[[Scratch], None]
"""Changes something in the directory, which is also where to keep what is not complete yet."""


@dataclass(frozen=True)
class Step:
    """What to do about an entry of a hub directory, or about a file of a view.

    Args:
        name: Its name in the directory; for a file of a view, its path.
        entry: What has to be there, or None if the configuration has nothing of that name.
        before: The record of what we made so far.
        after: The record of what we made when this is done.
        result: What to count the step as, if it counts.
        summary: For messages; begins with a verb.
        actions: In this order.
    """

    name: str
    entry: Entry | FileEntry | FolderEntry | None
    before: Record | None
    after: Record | None = None
    result: Literal["linked", "removed"] | None = "linked"
    summary: str = ""
    actions: tuple[Action, ...] = ()

    @property
    def during(self) -> Record | None:
        """The record for the time until this is done."""
        return merge_records(self.before, self.after) if self.actions else self.after
