"""What changed between two locks, for the person who has just locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.columns import aligned
from aimodels_gen.lock.model import FilesPin
from aimodels_gen.manifest.names import natural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimodels_gen.lock.model import BundledFile, Lock, LockedModel

_GAP = "  "
_NUMBERS = (2, 3)  # columns that are aligned on the right
_WIDEST = 60  # what is longer does not push the columns of other lines
_SIGNS = {"+": "new", "~": "changed", "-": "gone"}


@dataclass(frozen=True)
class _Row:
    """A model that came (+), went (-) or changed (~): columns, the last free text."""

    columns: tuple[str, ...]
    files: tuple[str, ...] = ()


def summary(old: Lock, new: Lock, *, width: int | None = None, verbose: bool = False) -> list[str]:
    """Return what changed: a line for each model that came, went or changed, and the totals.

    A line has the model's name, its source with ref and short revisions, its files and their size.

    Args:
        old: the lock that was.
        new: the lock that is.
        width: of the terminal; a line that does not fit is broken between columns.
        verbose: whether to name the files that changed.
    """
    names = sorted({*old.models, *new.models}, key=natural)
    rows = [row for name in names if (row := _row(old.models.get(name), new.models.get(name)))]
    unchanged = len(names) - len(rows)
    lines = list(_lines(rows, width, verbose=verbose))
    if unchanged:
        lines.append(f"= {unchanged} unchanged")
    if rows and new.models:
        lines.append(_total(old, new))
    return lines


def _row(old: LockedModel | None, new: LockedModel | None) -> _Row | None:
    if new is None:
        return None if old is None else _Row((f"- {old.name}", _source(old, old)))
    content = (counted(new.pin.count, "file"), bytes_text(new.pin.size), _facts(new))
    if old is None:
        return _Row((f"+ {new.name}", _source(new, new), *content))
    if old == new:
        return None
    changes = _changes(old, new)
    facts = ", ".join(filter(None, (content[2], _newly_bundled(old, new))))
    return _Row(
        (
            f"~ {new.name}",
            _source(old, new),
            *content[:2],
            f"{facts}{_counts(changes)}".strip(),
        ),
        tuple(f"{sign} {path}{_GAP}{size}" for sign, path, size in changes),
    )


def _lines(rows: list[_Row], width: int | None, *, verbose: bool) -> Iterator[str]:
    cells = [row.columns for row in rows]
    for row, lines in zip(
        rows, aligned(cells, right=_NUMBERS, width=width, widest=_WIDEST), strict=True
    ):
        yield from lines
        if verbose:
            yield from (f"    {file}" for file in row.files)


def _source(old: LockedModel, new: LockedModel) -> str:
    """Return the source, its ref, and the short revisions, those that there are."""
    source, before = new.source.source, old.source.source.version
    versions = [before, "->"] if before and source.version and before != source.version else []
    return " ".join(filter(None, [source.label, source.tracked_ref, *versions, source.version]))


def _facts(model: LockedModel) -> str:
    parts = []
    if model.pin_kind == "tree":
        parts.append("one tree")
    if model.fallbacks:
        parts.append(counted(len(model.fallbacks), "fallback"))
    if model.card.license:
        parts.append(model.card.license)
    return ", ".join(parts)


def _newly_bundled(old: LockedModel, new: LockedModel) -> str:
    """Return how many files are bundled now, and were not: this may be all that is new."""
    if not isinstance(old.pin, FilesPin) or not isinstance(new.pin, FilesPin):
        return ""
    bundle = None if old.pin.bundle else new.pin.bundle
    return f"{counted(len(bundle.files), 'file')} bundled" if bundle else ""


def _changes(old: LockedModel, new: LockedModel) -> list[tuple[str, str, str]]:
    """Return sign, path and size of files that are not what they were, where both pins tell."""
    if not isinstance(old.pin, FilesPin) or not isinstance(new.pin, FilesPin):
        return []
    before, after = old.pin.all_files, new.pin.all_files

    def sign(path: str) -> str:
        if path not in before:
            return "+"
        if path not in after:
            return "-"
        return "" if before[path].hash == after[path].hash else "~"

    changed = [path for path in {*before, *after} if sign(path)]
    return [
        (sign(path), path, bytes_text((after.get(path) or before[path]).size))
        for path in sorted(changed, key=natural)
    ]


def _counts(changes: list[tuple[str, str, str]]) -> str:
    signs = [sign for sign, _, _ in changes]
    counts = ((signs.count(sign), _SIGNS[sign]) for sign in "~+-")
    words = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f" ({words})" if words else ""


def _total(old: Lock, new: Lock) -> str:
    """Return the sums, and the size of the content that no pin had before and no build has yet."""
    models = new.models.values()
    known = _contents(old)
    fetched = sum(file.size for hash_, file in _contents(new).items() if hash_ not in known)
    return ", ".join(
        (
            counted(len(models), "model"),
            counted(sum(model.pin.count for model in models), "file"),
            bytes_text(sum(model.pin.size for model in models)),
            f"{bytes_text(fetched)} to fetch",
        )
    )


def _contents(lock: Lock) -> Mapping[str, BundledFile]:
    """Return what builds fetch, by its hash; a tree is in the store once it is locked."""
    pins = (model.pin for model in lock.models.values())
    return {
        file.hash: file
        for pin in pins
        if isinstance(pin, FilesPin)
        for file in pin.all_files.values()
    }
