"""Which files of a listing to take."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Generic, TypeVar

from aimodels_fetcher.environment import limit, whose
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import check_paths
from aimodels_fetcher.remote_files import RemoteFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimodels_fetcher.sources.base import RemoteFile

T = TypeVar("T")
Taken = TypeVar("Taken")

# Files of one model. 100,000 of them take 80 MiB of memory in a build, and 300 MiB in `lock`.
_MAX_FILES = 200_000

_SAMPLE = 5
_MOST_EXTENSIONS = 1000
_LONGEST_EXTENSION = 32


@dataclass(frozen=True)
class Selection(Generic[Taken]):
    """What filters take of a listing, and what messages need to know of the rest.

    Attributes:
        taken: The items, at most `most`.
        seen: Number of items in the listing, or of those read so far if `too_many`.
        sample: Paths of a few items: those that match but for upper and lower case, then the first.
        extensions: How many items end in `.json` and so on; the first 1,000 such endings.
        unused: Include patterns that match nothing: most likely misspelt.
        most: How many files a model may have.
        too_many: Whether there is more to take than that.
    """

    taken: Taken
    seen: int
    sample: tuple[str, ...]
    extensions: Mapping[str, int]
    unused: tuple[str, ...]
    most: int
    too_many: bool

    def check_size(self, label: str) -> None:
        """Refuse a model of more files than it may have.

        Args:
            label: What messages call it.

        Raises:
            FetchError: It has more.
        """
        if self.too_many:
            raise FetchError(
                f"{label} has at least {self.seen:,} files, and more than {self.most:,} of them "
                "would be taken, which is the maximum for one model",
                'take fewer, as with include = ["*.safetensors", "*.json"], or with exclude; or '
                f"set AIMODELS_MAX_FILES{whose()}, which takes more memory",
            )


@dataclass(frozen=True)
class Filters:
    """Patterns of `fnmatch` on whole paths: `*` crosses directories, case counts.

    Attributes:
        include: Take only what matches one of these; None takes everything.
        exclude: And of that, leave what matches one of these.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def select(self, items: Iterable[T], path: Callable[[T], str]) -> Selection[list[T]]:
        """Return the items that are taken, as huggingface_hub's patterns take them.

        A pattern that ends in `/` means everything below, and a backslash is as good as a slash,
        in patterns and paths (`huggingface_hub.utils.filter_repo_objects`, written again because
        builds do not have it). Items that are not taken are not kept.

        Args:
            items: What to choose from; not read to its end if there is too much to take.
            path: Returns an item's path.
        """
        taken: list[T] = []
        return self._select(items, path, taken, taken.append)

    def _select(
        self,
        items: Iterable[T],
        path: Callable[[T], str],
        taken: Taken,
        take: Callable[[T], object],
    ) -> Selection[Taken]:
        """Select items; `take` adds one to what is taken."""
        include = None if self.include is None else [_normal(item) for item in self.include]
        exclude = [_normal(item) for item in self.exclude]
        tally = _Tally(self.include or ())
        most = limit("AIMODELS_MAX_FILES", _MAX_FILES)
        too_many = False
        count = 0
        for item in items:
            normal = path(item).replace("\\", "/")
            tally.count(path(item), normal)
            if (include is None or _matches(normal, include)) and not _matches(normal, exclude):
                too_many = count == most
                if too_many:
                    break
                take(item)
                count += 1
        return Selection(
            taken,
            tally.seen,
            tuple(dict.fromkeys([*tally.near, *tally.sample]))[:_SAMPLE],
            tally.extensions,
            tuple(tally.unused),
            most,
            too_many,
        )

    def take(self, files: Iterable[RemoteFile]) -> Selection[RemoteFiles]:
        """Select files of a listing by their paths, which may be hostile.

        Raises:
            FetchError: No directory can hold what is taken (`check_paths`), or as the listing.
        """
        taken = RemoteFiles()
        selection = self._select(files, lambda file: file.path, taken, taken.append)
        check_paths(file.path for file in taken)
        return selection

    def differs_in_case(self, paths: Iterable[str]) -> bool:
        """Return whether one of some paths would be taken if case did not count."""
        patterns = [_normal(pattern).lower() for pattern in self.include or ()]
        return any(_matches(path.replace("\\", "/").lower(), patterns) for path in paths)

    def with_pattern(self, pattern: str) -> str:
        """Return the lines of a manifest that take the same, and what a pattern `*.x` matches."""
        example = pattern.replace("*", "model")
        lines = []
        if self.include is not None and not _matches(example, map(_normal, self.include)):
            lines.append(f"include = {json.dumps([*self.include, pattern])}")
        left = [one for one in self.exclude if not _matches(example, [_normal(one)])]
        if len(left) < len(self.exclude) or not lines:
            lines.append(f"exclude = {json.dumps(left)}")
        return " and ".join(lines)

    def __str__(self) -> str:
        """Return the patterns as they stand in a manifest."""
        include = [] if self.include is None else [f"include = {list(self.include)}"]
        exclude = [f"exclude = {list(self.exclude)}"] if self.exclude else []
        return " and ".join(include + exclude) or "no filters"


class _Tally:
    """What is counted of all items, without keeping them.

    Args:
        include: Patterns of which some may match nothing.
    """

    def __init__(self, include: Iterable[str]) -> None:
        self.seen = 0
        self.sample: list[str] = []
        self.near: list[str] = []
        self.extensions: Counter[str] = Counter()
        self.unused = {pattern: _normal(pattern) for pattern in include}

    def count(self, path: str, normal: str) -> None:
        """Count an item by its path, and by its path with slashes only."""
        self.seen += 1
        if self.seen <= _SAMPLE:
            self.sample.append(path)
        extension = posixpath.splitext(path)[1]
        known = extension in self.extensions
        if known or (
            len(self.extensions) < _MOST_EXTENSIONS and len(extension) <= _LONGEST_EXTENSION
        ):
            self.extensions[extension] += 1
        if len(self.near) < _SAMPLE and any(
            fnmatchcase(normal.lower(), made.lower()) for made in self.unused.values()
        ):
            self.near.append(path)
        for pattern in [given for given, made in self.unused.items() if fnmatchcase(normal, made)]:
            del self.unused[pattern]


def _normal(pattern: str) -> str:
    pattern = pattern.replace("\\", "/")
    return pattern + "*" if pattern.endswith("/") else pattern


def _matches(normal: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(normal, pattern) for pattern in patterns)
