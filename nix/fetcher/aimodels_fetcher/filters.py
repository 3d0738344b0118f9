"""Which files of a listing to take."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(frozen=True)
class Filters:
    """Patterns of `fnmatch` on whole paths: `*` crosses directories, case counts.

    Attributes:
        include: Take only what matches one of these; None takes everything.
        exclude: And of that, leave what matches one of these.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def select(self, items: Iterable[T], path: Callable[[T], str]) -> tuple[T, ...]:
        """Return the items that are taken, as huggingface_hub's patterns take them.

        A pattern that ends in `/` means everything below, and a backslash is as good as a slash,
        in patterns and paths (`huggingface_hub.utils.filter_repo_objects`, written again because
        builds do not have it).

        Args:
            items: What to choose from.
            path: Returns an item's path.
        """
        include = None if self.include is None else [_normal(item) for item in self.include]
        exclude = [_normal(item) for item in self.exclude]
        return tuple(
            item
            for item in items
            if (include is None or _matches(path(item), include))
            and not _matches(path(item), exclude)
        )

    def unused(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the include patterns that match none of the paths: most likely misspelt."""
        listed = list(paths)
        return tuple(
            pattern
            for pattern in self.include or ()
            if not any(_matches(path, [_normal(pattern)]) for path in listed)
        )

    def __str__(self) -> str:
        """Return the patterns as they stand in a manifest."""
        include = [] if self.include is None else [f"include = {list(self.include)}"]
        exclude = [f"exclude = {list(self.exclude)}"] if self.exclude else []
        return " and ".join(include + exclude) or "no filters"


def _normal(pattern: str) -> str:
    pattern = pattern.replace("\\", "/")
    return pattern + "*" if pattern.endswith("/") else pattern


def _matches(path: str, patterns: Iterable[str]) -> bool:
    normal = path.replace("\\", "/")
    return any(fnmatchcase(normal, pattern) for pattern in patterns)
