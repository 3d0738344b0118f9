"""What changed between two locks, as the body of a pull request.

Whatever a server or a file name says stands in code spans: it makes no links, mentions or markup.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimodels_fetcher.redaction import redacted
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.lock.summary import counts, date, gate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aimodels_gen.reports.diff import FileChange, ModelChange, Side

_MOST = 60_000  # characters; the body of a pull request on GitHub has at most 65,536
_COLUMNS = ("model", "commits", "date", "files", "download", "licence")
_WORDS = {"added": "new", "changed": "changed", "removed": "gone", "unknown": "not known"}


def markdown(changes: Sequence[ModelChange]) -> str:
    """Return a table of models, and their files; empty if nothing changed."""
    if not changes:
        return ""
    rows = _table(_COLUMNS, map(_row, changes))
    warnings = [
        f"- {_code(change.name)}: {gate(change)}"
        for change in changes
        if change.new_gate and change.new
    ]
    text = _cut(rows, "models") + (["", *warnings] if warnings else [])
    left_out = 0
    for change in changes:
        files = _files(change)
        if files and sum(map(len, (*text, *files))) + len(text) + len(files) < _MOST:
            text += files
        elif files:
            left_out += 1
    if left_out:
        text += ["", f"The files of {counted(left_out, 'model')} are left out here."]
    return redacted("".join(f"{line}\n" for line in text))


def _cut(rows: list[str], what: str) -> list[str]:
    """Return the first rows of a table that fit."""
    length = 0
    for number, row in enumerate(rows):
        length += len(row) + 1
        if length > _MOST * 2 // 3:
            return [*rows[:number], "", f"{len(rows) - number} more {what} are left out here."]
    return rows


def _row(change: ModelChange) -> tuple[str, ...]:
    old, new = change.old, change.new
    fetched = "" if change.download is None else bytes_text(change.download)
    return (
        "<br>".join(map(_code, (change.name, *(side.source for side in (new or old,) if side)))),
        _commits(change),
        _from_to(date(old) if old and old.modified else "", date(new) if new else ""),
        _counts(change),
        fetched,
        _licenses(old, new),
    )


def _commits(change: ModelChange) -> str:
    old, new = change.old, change.new
    if new is None:
        return "removed"
    if old is None:
        return " ".join(filter(None, ("new", _code(new.version) if new.version else "")))
    if not change.moved:
        return _code(new.version) if new.version else ""
    both = _from_to(*(_code(side.version) if side.version else "" for side in (old, new)))
    return f"[{both}]({change.compare})" if change.compare and _is_plain(change.compare) else both


def _counts(change: ModelChange) -> str:
    words = counts(change).strip(" ()")
    if change.new is None or words:
        return words
    return counted(change.new.files, "file")


def _licenses(old: Side | None, new: Side | None) -> str:
    before, after = (side.license if side else None for side in (old, new))
    if old is None or new is None or before == after:
        return _code(after or before or "") if after or before else ""
    return f"**{_from_to(_code(before) if before else 'none', _code(after) if after else 'none')}**"


def _files(change: ModelChange) -> list[str]:
    if not change.files:
        return []
    title = f"{_code(change.name)}: {counts(change).strip(' ()')}"
    return [
        "",
        f"<details><summary>Files of {_html(change.name)}</summary>",
        "",
        *_table((title, "size"), map(_file, change.files)),
        "",
        "</details>",
    ]


def _file(file: FileChange) -> tuple[str, str]:
    before, after = (
        "" if size is None else bytes_text(size) for size in (file.old_size, file.size)
    )
    sizes = before if file.change == "removed" else _from_to(before, after)
    return f"{_code(file.path)} {_WORDS[file.change]}", sizes


def _from_to(before: str, after: str) -> str:
    if not before or not after or before == after:
        return after or before
    return f"{before} → {after}"


def _table(columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(row)} |" for row in lines]


def _code(text: str) -> str:
    """Return a text as a code span that can stand in a cell of a table."""
    plain = "".join(char if char.isprintable() else "?" for char in text).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest else ""
    return f"{fence}{gap}{plain}{gap}{fence}"


def _html(text: str) -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _is_plain(url: str) -> bool:
    return bool(re.fullmatch(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]+", url))
