"""Editing a models.toml: add, remove and rename models; everything else stays as it is.

These functions take a text that TOML accepts, and return the text that is to be. What they do not
mean to change, they do not touch: comments, order, quotes, indentation, line ends. The module
`edited` reads the result again before it is written.
"""

from __future__ import annotations

import re
from itertools import compress
from typing import TYPE_CHECKING, Any

from aimodels_gen.manifest.statements import Statement, pairs, statements
from aimodels_gen.manifest.toml_lines import dotted, value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_gen.manifest.toml_lines import Path

_MODELS = "models"
_QUOTES = "\"'"
_WIDTH = 100
_BARE = re.compile(r"[0-9A-Za-z_-]+\Z")


def add(text: str, name: str, model: Mapping[str, Any]) -> str:
    """Return a text with one more model, below the last one and written as that one is.

    Args:
        text: of the manifest.
        name: of the model, which the manifest does not have.
        model: its keys.
    """
    found = statements(text)
    if (inline := _inline(found, text)) is not None:
        return _add_pair(text, inline, name, model)
    last = next((n for n in range(len(found) - 1, -1, -1) if _is_model(found[n])), None)
    if last is not None and len(found[last].table) <= 1 and found[last].kind == "key":
        return _insert(text, found[last].end, _as_keys(found[last], text, name, model))
    at, indent, gap = len(text), "", bool(text)
    if last is not None:
        path = found[last].path[:2]
        headers = (one for one in found if one.kind == "header" and one.path[:2] == path)
        first = next(headers, found[last])
        indent = _indent(first, text)
        behind = _tail(found, last)
        at = found[behind - 1].end
        before = found.index(first) - 1
        tight = before >= 0 and not found[before].is_trivia and found[behind - 1].kind == "key"
        gap = not tight
    lines = [f"[{dotted((_MODELS, name))}]", *_key_lines(name, model, (_MODELS, name))]
    return _insert(text, at, [indent + line for line in lines], gap=gap)


def remove(text: str, *names: str) -> str:
    """Return a text without these models, and without the comments that are about them alone.

    These are the comments within a model, and those directly above its header.
    """
    found = statements(text)
    last = found[-1:]
    tables = [one.path[:2] for one in found]
    # One after the other: comments between two of them that are about neither stay.
    for path in ((_MODELS, name) for name in names):
        keep = [table != path for table in tables]
        _drop_trivia(found, keep)
        found, tables = list(compress(found, keep)), list(compress(tables, keep))
    rest = "".join(text[one.start : one.end] for one in found)
    if not text.endswith("\n") and found[-1:] != last:
        rest = re.sub(r"\r?\n\Z", "", rest)
    for name in names if _inline(found, text) else ():
        while pair := _pair(rest, name):
            rest = rest[: pair[0]] + rest[pair[1] :]
    return rest


def rename(text: str, old: str, new: str) -> str:
    """Return a text in which a model has another name, wherever its name stands."""
    found = statements(text)
    names = [one.name_at(1) for one in found if _is_about(one, old)]
    if inline := _inline(found, text):
        names += [one.names[0] for one in pairs(text, inline.value) if one.path[0] == old]
    for name in sorted(filter(None, names), key=lambda name: name.start, reverse=True):
        text = (
            text[: name.start]
            + _respelled(text[name.start : name.end], old, new)
            + text[name.end :]
        )
    return text


def _respelled(written: str, old: str, new: str) -> str:
    """Return a name in quotes if it needs them, or where quotes are a habit."""
    quote = written[0] if written[0] in _QUOTES else ""
    if not _BARE.match(new):
        quote = quote or '"'
    elif not _BARE.match(old):
        quote = ""
    return f"{quote}{new}{quote}"


def _is_model(one: Statement) -> bool:
    return len(one.path) > 1 and one.path[0] == _MODELS


def _is_about(one: Statement, name: str) -> bool:
    return one.path[:2] == (_MODELS, name)


def _inline(found: list[Statement], text: str) -> Statement | None:
    """Return the statement `models = { … }`, None if there is none."""
    fits = (one for one in found if one.kind == "key" and one.path == (_MODELS,))
    return next((one for one in fits if text[one.value] == "{"), None)


def _add_pair(text: str, inline: Statement, name: str, model: Mapping[str, Any]) -> str:
    pair = f"{dotted((name,))} = {value(dict(model))}"
    inside = pairs(text, inline.value)
    if inside:
        at = inside[-1].end
        return f"{text[:at]}, {pair}{text[at:]}"
    begin, end = inline.value + 1, text.index("}", inline.value)
    return f"{text[:begin]} {pair} {text[end:]}"


def _pair(text: str, name: str) -> tuple[int, int] | None:
    """Return where a pair of `models = { … }` is, with a comma; None if there is none."""
    inline = _inline(statements(text), text)
    inside = pairs(text, inline.value) if inline else []
    number = next((n for n, pair in enumerate(inside) if pair.path[0] == name), None)
    if inline is None or number is None:
        return None
    if number + 1 < len(inside):
        return inside[number].start, inside[number + 1].start
    if number:
        return inside[number - 1].end, inside[number].end
    return inline.value + 1, text.index("}", inside[number].end)


def _as_keys(last: Statement, text: str, name: str, model: Mapping[str, Any]) -> list[str]:
    """Return the lines of a model that has no header: in one line, or with dotted keys."""
    if len(last.path) == 2:  # noqa: PLR2004 - models.NAME = { … }
        path = (_MODELS, name)[len(last.table) :]
        lines = [f"{dotted(path)} = {value(dict(model))}"]
    else:
        lines = _key_lines(name, model, last.table)
    indent = _indent(last, text)
    return [indent + line for line in lines]


def _key_lines(name: str, model: Mapping[str, Any], header: tuple[str, ...]) -> list[str]:
    """Return the lines of the keys of a model, below a header."""
    path = (_MODELS, name)[len(header) :]
    return [line for key, item in model.items() for line in _lines(path, (key,), item)]


def _lines(path: Path, key: Path, item: object) -> list[str]:
    """Return the lines of a value: one, unless that is a table and would be too long."""
    while isinstance(item, dict) and len(item) == 1:
        ((part, inner),) = item.items()
        if len(key) > 1 and not isinstance(inner, dict):
            break
        key, item = (*key, part), inner
    line = f"{dotted((*path, *key))} = {value(item)}"
    if len(line) <= _WIDTH or not isinstance(item, dict):
        return [line]
    return [line for part, inner in item.items() for line in _lines(path, (*key, part), inner)]


def _insert(text: str, at: int, lines: list[str], *, gap: bool = False) -> str:
    """Return a text with more lines behind those that end at `at`, in its style."""
    before, behind = text[:at], text[at:]
    newline = "\r\n" if before[: before.rfind("\n") + 1].endswith("\r\n") else "\n"
    written = newline.join([*([""] if gap else []), *lines])
    if before and not before.endswith("\n"):  # of the last line; the file still has no end of line
        return f"{before}{newline}{written}"
    return f"{before}{written}{newline}{behind}"


def _indent(one: Statement, text: str) -> str:
    return re.match(r"[ \t]*", text[one.start : one.end])[0]  # type: ignore[index]


def _tail(found: list[Statement], last: int) -> int:
    """Return the number of the statement behind the comments that belong to what is above them.

    They follow it directly. Those directly above another table belong to that.
    """
    behind = last + 1
    while behind < len(found) and found[behind].kind == "comment":
        behind += 1
    above_other = behind < len(found) and found[behind].kind != "blank"
    return last + 1 if above_other else behind


def _drop_trivia(found: list[Statement], keep: list[bool]) -> None:
    """Drop the comments and blank lines that go with the statements that go."""
    last = 0
    while False in keep[last:]:
        first = keep.index(False, last)
        last = _end_of_run(found, keep, first)
        if found[first].kind == "header":
            last = _tail(found, last - 1)
        begin = _above(found, first)
        blank_above = begin > 0 and found[begin - 1].kind == "blank"
        blank_below = last == len(found) or found[last].kind == "blank"
        if blank_above and (found[first].kind == "header" or blank_below):
            begin -= 1
        elif begin == 0 and last < len(found) and blank_below:
            last += 1
        keep[begin:last] = [False] * (last - begin)


def _end_of_run(found: list[Statement], keep: list[bool], first: int) -> int:
    """Return the number behind statements that go, with comments and blank lines between them."""
    end = at = first
    while at < len(found) and (not keep[at] or found[at].is_trivia):
        end = at + 1 if not keep[at] else end
        at += 1
    return end


def _above(found: list[Statement], first: int) -> int:
    """Return the number of the first comment directly above what goes, that is about it alone.

    The comments that a file begins with, and those directly below the header of all models, are
    about more.
    """
    begin = first
    while begin > 0 and found[begin - 1].kind == "comment":
        begin -= 1
    below_header = found[first].kind == "key" and found[begin - 1].kind == "header"
    return first if begin == 0 or below_header else begin
