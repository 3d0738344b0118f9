"""Where the statements of a TOML file are: its headers, keys, comments and blank lines.

Every character of a file belongs to one statement, so that an edit of one leaves the others as they
are, with their comments. Only texts that a parser of TOML has accepted come here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aimodels_gen.manifest.toml_lines import KEY, name_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_gen.manifest.toml_lines import Path

_NAME = re.compile(KEY)
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_SPACE = re.compile(r"[ \t]*")
_OPENING = re.compile(r"\[\[?[ \t]*")
_BLANK = re.compile(r"(?:\s|#[^\n]*|,)*")  # between the pairs of an inline table
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"""(?:"{0,2})'
    r"|'''(?:[^']|'{1,2}(?!'))*'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[{]|[\]}]|\n|,|[^\"'#\[\]{}\n,]+",
    re.DOTALL,
)


@dataclass(frozen=True)
class Name:
    """One part of a dotted key: what it names, and where it is, with its quotes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Statement:
    """Lines of a file, or a pair in an inline table.

    Attributes:
        start: where it begins.
        end: behind it, with the end of its last line.
        names: of a header, or of the key.
        table: the path of the header that a key is below.
        value: where the value of a key begins.
    """

    kind: Literal["header", "key", "comment", "blank"]
    start: int
    end: int
    names: tuple[Name, ...] = ()
    table: Path = ()
    value: int = 0

    @property
    def path(self) -> Path:
        """Return the path of the table or the value."""
        return (*self.table, *(name.text for name in self.names))

    @property
    def is_trivia(self) -> bool:
        """Return whether it says nothing to a parser."""
        return self.kind in {"comment", "blank"}

    def name_at(self, depth: int) -> Name | None:
        """Return the name that stands here at this depth of the path, None if it is above."""
        place = depth - len(self.table)
        return self.names[place] if 0 <= place < len(self.names) else None


def statements(text: str) -> list[Statement]:
    """Return all statements of a file, in order and without gaps."""
    return list(_statements(text))


def _statements(text: str) -> Iterator[Statement]:
    at = 0
    table: Path = ()
    while at < len(text):
        start = at
        at = _after(_SPACE, text, at)
        char = text[at : at + 1]
        if char in {"", "\n", "\r", "#"}:
            at = _line_end(text, at)
            yield Statement("comment" if char == "#" else "blank", start, at)
        elif char == "[":
            names, at = _names(text, _after(_OPENING, text, at))
            at = _line_end(text, at)
            table = tuple(name.text for name in names)
            yield Statement("header", start, at, names)
        else:
            names, at = _names(text, at)
            value = _value(text, at)
            at = _line_end(text, _value_end(text, value))
            yield Statement("key", start, at, names, table, value)


def pairs(text: str, start: int) -> list[Statement]:
    """Return the pairs of the inline table that begins at `start`; none for another value."""
    if text[start : start + 1] != "{":
        return []
    found: list[Statement] = []
    at = _after(_BLANK, text, start + 1)
    while text[at] != "}":
        names, behind = _names(text, at)
        value = _value(text, behind)
        end = _value_end(text, value)
        found.append(Statement("key", at, end, names, (), value))
        at = _after(_BLANK, text, end)
    return found


def _names(text: str, at: int) -> tuple[tuple[Name, ...], int]:
    """Return the parts of the dotted key at a place, and what is behind it."""
    names: list[Name] = []
    while found := _NAME.match(text, at):
        names.append(Name(name_in(found[0]), *found.span()))
        at = found.end()
        dot = _DOT.match(text, at)
        if not dot:
            break
        at = dot.end()
    return tuple(names), at


def _value(text: str, at: int) -> int:
    return _after(_SPACE, text, text.index("=", at) + 1)


def _value_end(text: str, at: int) -> int:
    """Return where the value ends that begins at a place."""
    depth, end = 0, at
    while at < len(text) and (found := _TOKEN.match(text, at)):
        token = found[0]
        if token in {"[", "{"}:
            depth += 1
        elif token in {"]", "}"}:
            depth -= 1
        if depth < 0 or (depth == 0 and (token in {"\n", ","} or token[0] == "#")):
            break
        at = found.end()
        end = found.start() + len(token.rstrip()) if token.strip() else end
    return end


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
