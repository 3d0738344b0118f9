"""Files of a model in a directory for an engine: which ones, and at which places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.urls import quoted
from aimodels_gen.tables import OneOrMore, Place, Variant, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from typing_extensions import Self

LABEL = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*\Z")
"""What the user can call a directory."""

_LONGEST = 4096  # bytes of a path
_LONGEST_PART = 255
_SAMPLE = 5
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INSIDE = 'write a path inside of the directory, such as "dir/file"'
_WHOLE = "./"  # the directory of the model itself
_FORMS = "write a pattern of files, a list of patterns, or a table of files by their new names"


@dataclass(frozen=True)
class Link:
    """What a directory holds of a model.

    Attributes:
        namespace: of the places: the key of the directory below `integration`.
        key: of the table or value that asks for it, below `integration`.
        path: of a file in the directory; of a directory in it, with a slash at its end.
        pattern: of files, which keep their names in a directory; with a slash at its end a
            directory of the model, whose files keep their paths below it.
    """

    namespace: str
    key: tuple[str, ...]
    path: str
    pattern: str

    def places(self, files: Collection[str] | None) -> Iterator[tuple[str, str]]:
        """Yield the path in the directory and that in the model of each file.

        Args:
            files: those of the model; None where they are not known, and patterns match nothing.
        """
        for file in self._known() if files is None else self.matching(files):
            name = _below(self.pattern, file) if self.path.endswith("/") else ""
            yield f"{self.path}{name}", file

    @property
    def keeps_paths(self) -> bool:
        """Return whether it is a directory of the model, with the paths below it."""
        return self.pattern.endswith("/")

    def matching(self, files: Collection[str]) -> list[str]:
        """Return the files that this takes; only a directory can have those of a pattern."""
        if self.path.endswith("/"):
            return matching(self.pattern, files)
        return [self.pattern] if self.pattern in files else []

    def _known(self) -> list[str]:
        is_file = not self.path.endswith("/") or not is_pattern(self.pattern)
        return [self.pattern] if is_file else []


class Selection(Variant):
    """Patterns of files, which keep their names, or files by new names, in a directory.

    Attributes:
        places: what to take, by path; "" for the directory itself.
    """

    __slots__ = ("places",)

    def __init__(self, places: Mapping[str, OneOrMore]) -> None:
        """Keep what has been decoded."""
        self.places = dict(places)

    def __eq__(self, other: object) -> bool:
        """Return whether the other selects the same."""
        return isinstance(other, Selection) and self.places == other.places

    def __hash__(self) -> int:
        """Return the same number for equal selections."""
        return hash(tuple(sorted(self.places.items())))

    def __repr__(self) -> str:
        """Return the form that a manifest has."""
        return repr(self.plain())

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return one of the three forms as a selection; see `Variant.decode`."""
        if not isinstance(value, dict):
            return cls({"": OneOrMore.decode(value)})
        if "" in value or any(_wants_slash(*item) for item in value.items()):
            raise ValueError
        return cls({path: OneOrMore.decode(item) for path, item in value.items()})

    @classmethod
    def check(cls, value: Any, place: Place, key: str) -> None:  # noqa: ANN401
        """Refuse other types, and empty strings; see `Variant.check`."""
        if not isinstance(value, dict):
            if not isinstance(value, (str, list)):
                place.fail(key, "does not name files", _FORMS)
            OneOrMore.check(value, place, key)
            return
        for path, item in value.items():
            if not path:
                place.child(key).fail(None, "has an empty path", _INSIDE)
            OneOrMore.check(item, place.child(key), path)
            if _wants_slash(path, item):
                if isinstance(item, str):
                    reason, hint = f"and {item} is a directory", f'write "{path}/" = "{item}"'
                else:
                    reason = "and has a list"
                    hint = f"write one file, or the path of a directory, which ends in /: {path}/"
                place.child(key).fail(path, f"is the path of one file, {reason}", hint)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema; see `Variant.schema`."""
        (*forms,) = OneOrMore.schema()["anyOf"]
        table = {
            "type": "object",
            "propertyNames": {"minLength": 1},
            "additionalProperties": OneOrMore.schema(),
        }
        return {"anyOf": [*forms, table]}

    def plain(self) -> Any:  # noqa: ANN401 - of TOML
        """Return the shortest form; see `Variant.plain`."""
        if "" in self.places:
            return self.places[""].plain()
        return {path: item.plain() for path, item in sorted(self.places.items())}

    def links(self, namespace: str, key: tuple[str, ...], directory: str) -> Iterator[Link]:
        """Yield what to link into a directory, whose path is empty or ends with a slash."""
        for path, patterns in sorted(self.places.items()):
            for pattern in patterns:
                yield Link(namespace, key, f"{directory}{path}", pattern)


class Places(Selection):
    """Files by their paths in a directory."""

    __slots__ = ()

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return a table as a selection; see `Variant.decode`."""
        if not isinstance(value, dict):
            raise ValueError  # noqa: TRY004 - as in `Variant`
        return super().decode(value)

    @classmethod
    def check(cls, value: Any, place: Place, key: str) -> None:  # noqa: ANN401
        """Refuse what is not a table of files; see `Variant.check`."""
        if not isinstance(value, dict):
            place.fail(key, "does not name paths", 'write a table, such as { "dir/" = "*.bin" }')
        super().check(value, place, key)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema; see `Variant.schema`."""
        (*_, table) = super().schema()["anyOf"]
        return dict(table)


def check_paths(paths: Iterable[str], place: Place, directory: str = "") -> None:
    """Refuse paths that lead out of a directory.

    Raises:
        AimodelsError: `place.error`.
    """
    for path in paths:
        if reason := _refusal(f"{directory}{path}"):
            place.fail(path or None, reason, _INSIDE)


def _wants_slash(path: str, value: object) -> bool:
    """Return whether only a directory can have a value, and a path is that of a file."""
    is_several = value.endswith("/") if isinstance(value, str) else isinstance(value, (list, tuple))
    return is_several and not path.endswith("/")


def _below(pattern: str, file: str) -> str:
    """Return the path of a file in the directory for a pattern; only `dir/` keeps directories."""
    if pattern == _WHOLE:
        return file
    if pattern.endswith("/"):
        return file.removeprefix(pattern)
    return file.rpartition("/")[2]


def _refusal(path: str) -> str | None:
    """Return why a directory cannot have a path, None if it can."""
    parts = path.removesuffix("/").split("/")
    wrong = next((part for part in parts if part in {"", ".", ".."}), None)
    if path.startswith("/"):
        return "is an absolute path"
    if wrong is not None:
        return f"has the part {wrong!r} in its path"
    if _CONTROL.search(path):
        return "has control characters in its path"
    if len(path.encode()) > _LONGEST or max(len(part.encode()) for part in parts) > _LONGEST_PART:
        return "has a path that is too long for a file system"
    return None


def is_pattern(text: str) -> bool:
    """Return whether this can match several files."""
    return text.endswith("/") or not set("*?[").isdisjoint(text)


def matching(pattern: str, files: Collection[str]) -> list[str]:
    """Return the files that a pattern takes, as huggingface_hub's patterns do, sorted."""
    if pattern.endswith("/"):
        above = "" if pattern == _WHOLE else pattern
        return sorted(path for path in files if path.startswith(above))
    if not is_pattern(pattern):
        return [pattern] if pattern in files else []
    return sorted(path for path in files if fnmatchcase(path, pattern))


def missing(link: Link, files: Collection[str]) -> tuple[str, str]:
    """Return what is wrong with a link that takes no file of a model, and what to do."""
    pattern = link.pattern
    if (link.namespace, pattern) == ("lmstudio", "*.gguf"):  # what it takes by itself
        hint = "leave integration.lmstudio out, or name a repository with GGUF files"
        return "needs a GGUF file, and the model has none", hint
    if is_pattern(pattern) and link.path and not link.path.endswith("/"):
        name = link.path.rpartition("/")[2]
        hint = f"write one file, or the path of a directory, which ends in /: {name}/"
        return f"gives one file the pattern {quoted(pattern)}", hint
    names = {path.rpartition("/")[2]: path for path in files}
    near = nearest(pattern, files) or names.get(nearest(pattern.rpartition("/")[2], names) or "")
    ending = pattern.rpartition(".")[2]
    alike = sorted(files, key=lambda path: (not path.endswith(f".{ending}"), path))[:_SAMPLE]
    hint = f"write one of the files of the model, such as {', '.join(map(quoted, alike))}"
    if is_pattern(pattern):
        return f"is {quoted(pattern)}, which matches no file of the model", hint
    hint = f"did you mean {near}?" if near and quoted(near) == repr(near) else hint
    return f"is {quoted(pattern)}, which is not a file of the model", hint
