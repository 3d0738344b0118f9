"""What changed between two locks, for the person who has just locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.lock.model import FilesPin

if TYPE_CHECKING:
    from aimodels_gen.lock.model import Lock, LockedModel


def summary(old: Lock, new: Lock) -> list[str]:
    """Return a line for each model that came (+), went (-) or changed (~), and count the rest.

    A line names the model, its source and ref, the short revisions, the files and their bytes.
    """
    names = sorted({*old.models, *new.models})
    lines = [line for name in names if (line := _line(old.models.get(name), new.models.get(name)))]
    unchanged = len(names) - len(lines)
    if unchanged:
        lines.append(f"= {unchanged} unchanged")
    return lines


def _line(old: LockedModel | None, new: LockedModel | None) -> str | None:
    if new is None:
        return None if old is None else f"- {old.name}  {_source(old)}{_versions(old, old)}"
    if old is None:
        return f"+ {new.name}  {_source(new)}{_versions(new, new)}  {_content(new)}"
    if old == new:
        return None
    content = _content(new) + _changed(old, new)
    return f"~ {new.name}  {_source(new)}{_versions(old, new)}  {content}"


def _source(model: LockedModel) -> str:
    source = model.source.source
    return f"{source.label} {source.tracked_ref}" if source.tracked_ref else source.label


def _versions(old: LockedModel, new: LockedModel) -> str:
    """Return the short revisions, those that there are, each after a space."""
    before, after = old.source.source.version, new.source.source.version
    words = [before, "->", after] if before and after and before != after else [after]
    return "".join(f" {word}" for word in words if word)


def _content(model: LockedModel) -> str:
    parts = [counted(model.pin.count, "file"), bytes_text(model.pin.size)]
    if model.pin_kind == "tree":
        parts.append("one tree")
    if model.fallbacks:
        parts.append(counted(len(model.fallbacks), "fallback"))
    if model.card.license:
        parts.append(model.card.license)
    return ", ".join(parts)


def _changed(old: LockedModel, new: LockedModel) -> str:
    """Return how many files are not what they were, where both pins tell."""
    if not isinstance(old.pin, FilesPin) or not isinstance(new.pin, FilesPin):
        return ""
    before, after = old.pin.files, new.pin.files
    added = len(after.keys() - before.keys())
    removed = len(before.keys() - after.keys())
    changed = sum(before[path].hash != after[path].hash for path in before.keys() & after.keys())
    counts = [(changed, "changed"), (added, "new"), (removed, "gone")]
    words = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f" ({words})" if words else ""
