"""What changed between two locks, as values; `summary` and `markdown` are for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.lock.model import FilesPin, Lock, LockedModel
from aimodels_gen.manifest.names import natural
from aimodels_gen.reports.diff import FileChange, ModelChange, Report, Side, Total

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from aimodels_gen.lock.model import BundledFile
    from aimodels_gen.sources.base import Card, Source


def compare(old: Lock, new: Lock) -> Report:
    """Return what changed, model by model, and the sums."""
    names = sorted({*old.models, *new.models}, key=natural)
    known = contents(old)
    found = (change(old.models.get(name), new.models.get(name), known) for name in names)
    changes = tuple(filter(None, found))
    return Report(changes=changes, unchanged=len(names) - len(changes), total=_total(known, new))


def contents(lock: Lock) -> Mapping[str, BundledFile]:
    """Return what builds fetch, by its hash; a tree is in the store once it is locked."""
    pins = (model.pin for model in lock.models.values())
    return {
        file.hash: file
        for pin in pins
        if isinstance(pin, FilesPin)
        for file in pin.all_files.values()
    }


def change(
    old: LockedModel | None, new: LockedModel | None, known: Collection[str]
) -> ModelChange | None:
    """Return how a model changed, None if it did not; `known` are the hashes pinned before."""
    if old == new:
        return None
    if new is None:
        return None if old is None else ModelChange(name=old.name, change="removed", old=side(old))
    download = _download(old, new, known)
    if old is None:
        return ModelChange(name=new.name, change="added", new=side(new), download=download)
    return ModelChange(
        name=new.name,
        change="changed",
        old=side(old),
        new=side(new),
        files=_files(old, new),
        settings=setting_changes(old, new),
        download=download,
        compare=compare_url(old.source.source, new.source.source),
    )


def compare_url(old: Source, new: Source) -> str | None:
    """Return the page that shows the difference between two pinned sources, None for none."""
    return old.compare_url(new) if old.kind == new.kind else None


def side(model: LockedModel) -> Side:
    """Return what a report says of a model at one time."""
    pin = model.pin
    bundle = pin.bundle if isinstance(pin, FilesPin) else None
    return described(
        model.source.source,
        model.card,
        Side(
            source="",
            pin=model.pin_kind,
            files=pin.count,
            size=pin.size,
            fallbacks=len(model.fallbacks),
            bundled=len(bundle.files) if bundle else 0,
        ),
    )


def described(source: Source, card: Card, files: Side) -> Side:
    """Return what is known of a model's files with what is known of its source."""
    return Side(
        source=source.label,
        ref=source.tracked_ref or None,
        commit=source.revision,
        modified=card.modified,
        license=card.license,
        gated=card.gated,
        pin=files.pin,
        files=files.files,
        size=files.size,
        fallbacks=files.fallbacks,
        bundled=files.bundled,
    )


def file_changes(
    before: Mapping[str, int | None],
    after: Mapping[str, int | None],
    is_same: Callable[[str], bool | None],
) -> tuple[FileChange, ...]:
    """Return the files that are not what they were, in the order of people.

    Args:
        before: sizes by path.
        after: sizes by path.
        is_same: returns whether a file that is in both has the same content, None for unknown.
    """

    def found(path: str) -> FileChange | None:
        size, old_size = after.get(path), before.get(path)
        if path not in before:
            return FileChange(path=path, change="added", size=size)
        if path not in after:
            return FileChange(path=path, change="removed", old_size=old_size)
        same = is_same(path)
        if same:
            return None
        kind = "unknown" if same is None else "changed"
        return FileChange(path=path, change=kind, old_size=old_size, size=size)  # type: ignore[arg-type]

    changes: Iterable[FileChange | None] = map(found, {**before, **after})
    return tuple(sorted(filter(None, changes), key=lambda one: natural(one.path)))


def _files(old: LockedModel, new: LockedModel) -> tuple[FileChange, ...]:
    if not isinstance(old.pin, FilesPin) or not isinstance(new.pin, FilesPin):
        return ()
    before, after = old.pin.all_files, new.pin.all_files
    return file_changes(
        {path: file.size for path, file in before.items()},
        {path: file.size for path, file in after.items()},
        lambda path: before[path].hash == after[path].hash,
    )


def setting_changes(old: LockedModel, new: LockedModel) -> tuple[str, ...]:
    """Return what differs apart from source, card and files."""
    differ = {
        "pin": old.pin_kind != new.pin_kind,
        "include": old.filters.include != new.filters.include,
        "exclude": old.filters.exclude != new.filters.exclude,
        "layout": old.layout != new.layout,
        "integration": (old.integration, old.views) != (new.integration, new.views),
        "fallbacks": old.fallbacks != new.fallbacks,
    }
    return tuple(name for name, differs in differ.items() if differs)


def _download(old: LockedModel | None, new: LockedModel, known: Collection[str]) -> int:
    if isinstance(new.pin, FilesPin):
        files = {file.hash: file for file in new.pin.all_files.values()}
        return sum(file.size for hash_, file in files.items() if hash_ not in known)
    return 0 if old is not None and old.pin == new.pin else new.pin.size


def _total(known: Collection[str], new: Lock) -> Total:
    """Return the sums, and the size of the content that no pin had before and no build has yet."""
    models = new.models.values()
    return Total(
        models=len(models),
        files=sum(model.pin.count for model in models),
        size=sum(model.pin.size for model in models),
        download=sum(file.size for hash_, file in contents(new).items() if hash_ not in known),
    )
