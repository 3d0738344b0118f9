"""Lines of TOML: which ones a person has written, and how to write others in their style."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.urls import quoted
from aimodels_fetcher.wording import joined

if TYPE_CHECKING:
    from typing_extensions import Self

Path = tuple[str, ...]

_BARE = re.compile(r"[0-9A-Za-z_-]+\Z")
KEY = r"""(?:[0-9A-Za-z_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{KEY}(?:\s*\.\s*{KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_VALUE = re.compile(rf"\s*({_DOTTED})\s*=")
_SHORT = 4  # keys from the root: models.NAME.source.KIND


@dataclass(frozen=True)
class Written:
    """Where a file has its keys.

    Attributes:
        headers: the tables that have a header, in order.
        lists: the lists whose tables have headers, `[[…]]`.
        keys: by path, the header that the line of a key is below.
    """

    headers: list[Path] = field(default_factory=list)
    lists: set[Path] = field(default_factory=set)
    keys: dict[Path, Path] = field(default_factory=dict)

    @staticmethod
    @lru_cache(maxsize=1)
    def of(text: str) -> Written:
        """Look at the lines of a file that can be parsed."""
        written, header = Written(), Path()
        for line in text.splitlines():
            if found := _HEADER.match(line):
                header = _parts(found[2])
                if found[1] == "[":
                    written.headers.append(header)
                else:
                    written.lists.add(header)
            elif found := _VALUE.match(line):
                written.keys.setdefault((*header, *_parts(found[1])), header)
        return written

    def line_of(self, path: Path) -> Path | None:
        """Return the path of the line that holds a value, which may be in a table in it."""
        below = (path[:length] for length in range(len(path), 0, -1))
        return next((one for one in below if one in self.keys), None)

    def holder_of(self, path: Path) -> Path | None:
        """Return the path of the line whose inline table holds a table, None if none does."""
        return self.line_of(path[:-1])

    def headers_without(self, after: dict[str, Any], path: Path) -> list[Path]:
        """Return the headers below the path of a table for which the table `after` has nothing."""
        below = [one for one in self.headers if one[: len(path)] == path != one]
        return [one for one in below if _item(after, one[len(path) :]) is None]

    def header_for(self, path: Path, table: Path) -> Path:
        """Return the header below which to write a new key of a table."""
        if table not in self.headers:
            beside = (self.keys[key] for key in self.keys if key[: len(table)] == table != key)
            table = next((one for one in beside if len(one) <= len(table)), table)
        deeper = [one for one in self.headers if one == path[: len(one)] and len(one) < len(path)]
        return max([*deeper, table], key=len)


def value(item: object) -> str:
    """Return a value as it stands in a file, on one line."""
    if isinstance(item, dict):
        pairs = ", ".join(f"{dotted((key,))} = {value(inner)}" for key, inner in item.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(item, (list, tuple)):
        return f"[{', '.join(map(value, item))}]"
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(item).lower() if isinstance(item, bool) else str(item)


def dotted(path: Path) -> str:
    """Return a dotted key, each part in quotes if it needs them, without what may be a password."""
    return ".".join(
        part if _BARE.match(part) else value(part if quoted(part) == repr(part) else "…")
        for part in path
    )


@dataclass(frozen=True)
class Changes:
    """What to do to the lines of a file.

    Attributes:
        write: lines to write, by the header below which they stand. Each is in the place of the
            line that has its key, or is new.
        remove: keys whose lines have to go.
        elsewhere: whether some of these lines stand below another header than the table's.
        holder: the path of the inline table that they stand in, if they do.
    """

    write: dict[Path, list[str]]
    remove: list[str]
    elsewhere: bool
    holder: Path = ()

    @classmethod
    def between(cls, before: dict[str, Any], after: dict[str, Any], path: Path, text: str) -> Self:
        """Return how a table becomes another one.

        Args:
            before: the table as it is in the file.
            after: as it should be.
            path: of the table.
            text: of the file.
        """
        written = Written.of(text)
        if holder := written.holder_of(path):
            key = dotted(path[len(holder) :])
            return cls({(): [f"{key} = {value(after)}"]}, [], elsewhere=False, holder=holder)
        lines: dict[tuple[Path, str], None] = {}
        remove: dict[str, None] = {}
        headers: set[Path] = set()

        def rewrite(leaf: Path, at: Path | None) -> None:
            header = written.keys[at] if at else written.header_for(leaf, path)
            key, item = _flat(at or leaf, _item(after, (at or leaf)[len(path) :]))
            lines[header, f"{dotted(key[len(header) :])} = {value(item)}"] = None

        for leaf in _leaves(before, after, path, written.headers):
            rewrite(leaf, written.line_of(leaf))
            if leaf in written.lists:
                remove[f"[[{dotted(leaf)}]]"] = None
        gone = written.headers_without(after, path)
        remove.update(dict.fromkeys(f"[{dotted(header)}]" for header in gone))
        for leaf in _leaves(after, before, path, written.headers):
            at = written.line_of(leaf)
            if at and _item(after, at[len(path) :]) is not None:
                rewrite(leaf, at)
            elif _item(after, leaf[len(path) :]) is None and not (at and written.keys[at] in gone):
                remove[dotted((at or leaf)[-1:])] = None
                headers.add(written.keys[at] if at else path)
        write: dict[Path, list[str]] = {}
        for header, line in lines:
            write.setdefault(header, []).append(line)
        headers.update(write)
        there = {(), path[:1], *([path] if path in written.headers else [])}
        return cls(write, list(remove), not headers <= there)

    def lines(self) -> str:
        """Return the lines to write, for a message; empty for none."""
        parts = [
            joined([f"`{line}`" for line in lines])
            + (f" below [{dotted(header)}]" if self.elsewhere and header else "")
            for header, lines in self.write.items()
        ]
        within = f" in the inline table of {dotted(self.holder)}" if self.holder else ""
        return f"{joined(parts)}{within}" if parts else ""


def _item(table: object, path: Path) -> Any:  # noqa: ANN401 - of TOML
    """Return what is at a path, None for nothing."""
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
    return table


def _flat(key: Path, item: object) -> tuple[Path, object]:
    """Return `source = { huggingface = … }` as `source.huggingface = …`."""
    while isinstance(item, dict) and len(item) == 1:
        ((part, inner),) = item.items()
        if len(key) >= _SHORT and not isinstance(inner, dict):
            break
        key, item = (*key, part), inner
    return key, item


def _leaves(
    before: dict[str, Any], after: dict[str, Any], path: Path, headers: list[Path]
) -> list[Path]:
    """Return the paths whose values are new or others: tables as a whole, or below headers."""
    found: list[Path] = []
    for key, item in after.items():
        here = (*path, key)
        if key in before and before[key] == item:
            continue
        old = before.get(key)
        if (
            isinstance(item, dict)
            and isinstance(old, dict)
            and (set(old) & set(item) or here in headers)
        ):
            found += _leaves(old, item, here, headers)
        elif isinstance(item, dict) and len(item) == 1 and len(here) < _SHORT:
            found += _leaves({}, item, here, headers)
        else:
            found.append(here)
    return found


def _parts(key: str) -> Path:
    return tuple(map(name_in, re.findall(KEY, key)))


def name_in(key: str) -> str:
    """Return the name that one part of a dotted key has, in quotes or not."""
    if key.startswith("'"):
        return key[1:-1]
    if not key.startswith('"'):
        return key
    try:
        return str(json.loads(key))
    except ValueError:  # an escape that JSON does not have
        return key[1:-1]
