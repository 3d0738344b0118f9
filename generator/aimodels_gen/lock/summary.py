"""What changed between two locks, as lines for the person who has just locked."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aimodels_gen.reports.diff import FileChange, ModelChange, Report, Side, Total

_GAP = "  "
_NUMBERS = (2, 3)  # columns that are aligned on the right
_WIDEST = 60  # what is longer does not push the columns of other lines
_MOST_FILES = 10  # of a model, unless all are asked for
_SIGNS = {"added": "+", "changed": "~", "removed": "-", "unknown": "?"}
_WORDS = {"changed": "changed", "added": "new", "removed": "gone", "unknown": "not known"}


@dataclass(frozen=True)
class _Row:
    """A model that came (+), went (-) or changed (~): columns, the last free text."""

    columns: tuple[str, ...]
    details: tuple[str, ...] = ()


def summary(
    report: Report, *, width: int | None = None, verbose: bool = False, details: bool = False
) -> list[str]:
    """Return what changed: a line for each model that came, went or changed, and the totals.

    A line has the model's name, its source with ref and short revisions, its files and their size.

    Args:
        report: what changed.
        width: of the terminal; a line that does not fit is broken between columns.
        verbose: whether to name the files that changed.
        details: whether to add dates, licences, gates and the page that compares.
    """
    lines = change_lines(report.changes, width=width, verbose=verbose, details=details)
    if report.unchanged:
        lines.append(f"= {report.unchanged} unchanged")
    if report.changes and report.total.models:
        lines.append(_total(report.total))
    return lines


def change_lines(  # noqa: PLR0913 - each is an option
    changes: Iterable[ModelChange],
    *,
    width: int | None = None,
    verbose: bool = False,
    details: bool = False,
    files: bool = False,
    notes: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[str]:
    """Return the lines of models.

    Args:
        changes: what changed.
        width: as in `summary`.
        verbose: as in `summary`.
        details: as in `summary`.
        files: whether to name the first few files that changed.
        notes: more lines by the name of the model.
    """
    rows = []
    for change in changes:
        row = _row(change)
        more = list(facts(change)) if details else []
        more += notes.get(change.name, ())
        if verbose or files:
            more += file_lines(change.files, verbose=verbose)
        rows.append(_Row(row, tuple(more)))
    return list(_lines(rows, width))


def facts(change: ModelChange) -> Iterator[str]:
    """Yield what else a reader decides by: dates, licences, gates, the page that compares."""
    old, new = change.old, change.new
    if old is None or new is None:
        return
    if change.moved and (old.modified or new.modified):
        yield f"date: {date(old)} -> {date(new)}"
    if change.new_license:
        yield f"licence: {old.license or 'none'} -> {new.license or 'none'}"
    if change.new_gate:
        yield gate(change)
    if change.compare:
        yield change.compare


def date(side: Side) -> str:
    """Return the day of a commit."""
    return (side.modified or "unknown").partition("T")[0]


def gate(change: ModelChange) -> str:
    """Return how access has changed."""
    assert change.new is not None  # noqa: S101 - its callers have looked
    if change.new.gated is None:
        return "access: became open"
    before = change.old.gated if change.old else None
    if before is None:
        return f"access: became gated ({change.new.gated}): ask for access on its page"
    return f"access: {before} -> {change.new.gated}"


def file_lines(files: Sequence[FileChange], *, verbose: bool) -> list[str]:
    """Return a line for each file, or for the first few."""
    shown = files if verbose or len(files) <= _MOST_FILES else files[: _MOST_FILES - 1]
    lines = [_file(file) for file in shown]
    if len(files) > len(shown):
        lines.append(f"and {counted(len(files) - len(shown), 'file')} more: --verbose names all")
    return lines


def _file(file: FileChange) -> str:
    size = file.old_size if file.change == "removed" else file.size
    shown = "unknown size" if size is None else bytes_text(size)
    return f"{_SIGNS[file.change]} {file.path}{_GAP}{shown}"


def _row(change: ModelChange) -> tuple[str, ...]:
    new = change.new
    name = f"{_SIGNS[change.change]} {change.name}"
    if new is None:
        return (name, _source(change.old, change.old))
    size = "unknown size" if new.size is None else bytes_text(new.size)
    content = (counted(new.files, "file"), size)
    words = ", ".join(filter(None, (_facts(change.old, new), _newly_bundled(change))))
    return (
        name,
        _source(change.old or new, new),
        *content,
        f"{words}{counts(change)}".strip(),
    )


def _lines(rows: list[_Row], width: int | None) -> Iterator[str]:
    cells = [row.columns for row in rows]
    groups = aligned(cells, right=_NUMBERS, width=width, widest=_WIDEST)
    for row, lines in zip(rows, groups, strict=True):
        yield from lines
        yield from (f"    {detail}" for detail in row.details)


def _source(old: Side | None, new: Side | None) -> str:
    """Return the source, its ref, and the short revisions, those that there are."""
    if old is None or new is None:
        return ""
    before = old.version
    versions = [before, "->"] if before and new.version and before != new.version else []
    return " ".join(filter(None, [new.source, new.ref, *versions, new.version]))


def _facts(old: Side | None, new: Side) -> str:
    parts = []
    if new.pin == "tree":
        parts.append("one tree")
    if new.fallbacks:
        parts.append(counted(new.fallbacks, "fallback"))
    before = old.license if old else None
    if before and before != new.license:
        parts.append(f"{before} -> {new.license or 'no licence'}")
    elif new.license:
        parts.append(new.license)
    return ", ".join(parts)


def _newly_bundled(change: ModelChange) -> str:
    """Return how many files are bundled now, and were not: this may be all that is new."""
    old, new = change.old, change.new
    if old is None or new is None or old.bundled or old.pin != "files":
        return ""
    return f"{counted(new.bundled, 'file')} bundled" if new.bundled else ""


def counts(change: ModelChange) -> str:
    """Return how many files changed, came and went, in parentheses; empty for none."""
    kinds = [file.change for file in change.files]
    numbers = ((kinds.count(kind), word) for kind, word in _WORDS.items())  # type: ignore[arg-type]
    words = ", ".join(f"{count} {word}" for count, word in numbers if count)
    if not words and not change.moved:
        words = ", ".join(change.settings)
    return f" ({words})" if words else ""


def _total(total: Total) -> str:
    return ", ".join(
        (
            counted(total.models, "model"),
            counted(total.files, "file"),
            bytes_text(total.size),
            f"{bytes_text(total.download)} to fetch",
        )
    )
