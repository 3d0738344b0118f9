"""What an import found, as its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.reports.import_ import (
    Amount,
    ImportedFile,
    ImportedModel,
    KeptFile,
    ReplacedFile,
    Report,
)
from aimodels_gen.store.paths import PinnedBundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.store.import_files import Imported


def import_report(models: Sequence[LockedModel], places: Sequence[Path], done: Imported) -> Report:
    """Return the report of a run."""
    found = tuple(_model(model, done) for model in models)
    return Report(
        directories=tuple(map(str, places)),
        models=found,
        present=_sum(model.present for model in found),
        taken=_sum(model.taken for model in found),
        missing=_sum(model.missing for model in found),
        replaced=tuple(
            ReplacedFile(path=str(path), bytes=size, store_path=target)
            for path, size, target in done.replaced
        ),
        kept=tuple(
            KeptFile(path=str(path), bytes=size, reason=reason) for path, size, reason in done.kept
        ),
    )


def _model(model: LockedModel, done: Imported) -> ImportedModel:
    files: dict[str, list[ImportedFile]] = {"present": [], "taken": [], "missing": []}
    counts = dict.fromkeys(files, 0)
    for state, count, file in _files(model, done):
        files[state].append(file)
        counts[state] += count
    amounts = {
        state: Amount(files=counts[state], bytes=sum(file.bytes for file in some))
        for state, some in files.items()
    }
    return ImportedModel(
        name=model.name,
        present=amounts["present"],
        taken=amounts["taken"],
        missing=amounts["missing"],
        taken_files=tuple(files["taken"]),
        missing_files=tuple(files["missing"]),
    )


def _files(model: LockedModel, done: Imported) -> Iterator[tuple[str, int, ImportedFile]]:
    """Yield the state of each file, how many files it stands for, and what is said of it."""
    for store_path, item in done.paths[model.name].items():
        state = _state(store_path, done)
        if isinstance(item, PinnedFile):
            yield state, 1, _file(item.path, item.pin.size, store_path)
        elif isinstance(item, PinnedBundle):
            for path, pin in item.bundle.files.items():
                digest = sri_to_hex(pin.hash)
                one = state
                if state == "missing" and digest in done.small:
                    one = "taken" if done.small[digest] else "present"
                yield one, 1, _file(path, pin.size, store_path)
        else:
            yield state, getattr(model.pin, "count", 0), _file("", model.pin.size, store_path)


def _state(store_path: str, done: Imported) -> str:
    if store_path in done.present:
        return "present"
    return "taken" if store_path in done.taken else "missing"


def _file(path: str, size: int, store_path: str) -> ImportedFile:
    return ImportedFile(path=path, bytes=size, store_path=store_path)


def _sum(amounts: Iterable[Amount]) -> Amount:
    found = list(amounts)
    return Amount(files=sum(one.files for one in found), bytes=sum(one.bytes for one in found))
