"""What takes long for models of many files: it is said before it starts, with what to do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.wording import bytes_text
from aimodels_gen.lock.model import FilesPin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.selection import Selected
    from aimodels_gen.sources.base import Allowance

# Measured with small files and a server on the same machine, which has two cores.
_DERIVATION_SECONDS = 0.07  # to build a file that has a store path of its own
_FILE_SECONDS = 0.002  # to fetch one of a tree or a bundle

_MANY_DERIVATIONS = 1000  # that a model may have before a tree is proposed
_MANY_FILES = 10_000  # that are read without a word

_MINUTE = 60  # seconds
_BARE_KEY = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class _Reading:
    """Files of a model whose content locking reads."""

    count: int
    size: int

    @classmethod
    def of(cls, files: Iterable[RemoteFile]) -> _Reading:
        sizes = [file.size or 0 for file in files]
        return cls(len(sizes), sum(sizes))

    def __str__(self) -> str:
        return f"{self.count:,} files ({bytes_text(self.size)})"


def of_derivations(
    models: Iterable[Selected], old: Mapping[str, LockedModel], options: Options
) -> Iterator[str]:
    """Yield a proposal for each model that would be built faster as a tree.

    Where the manifest or the command line chooses the kind of pin, nothing is proposed, nor for
    an update of a few files: only those that no pin had are built.
    """
    for model in models:
        before = old.get(model.name)
        chosen = model.entry.pin or options.pin
        if chosen is None and options.pin_kind(model.entry, before) == "files":
            files = model.sources[0].files
            new = sum(1 for _ in _new_derivations(model, before))
            if new > _MANY_DERIVATIONS:
                yield _derivations_warning(model.name, files, new)


def _new_derivations(model: Selected, before: LockedModel | None) -> Iterator[RemoteFile]:
    pinned = before.pin.files if before and isinstance(before.pin, FilesPin) else {}
    for file in model.sources[0].files:
        old = None if file.path in model.bundled else pinned.get(file.path)
        if file.path not in model.bundled and (
            old is None or file.sha256 is None or old.hash != hex_to_sri(file.sha256)
        ):
            yield file


def _derivations_warning(name: str, files: Sequence[RemoteFile], new: int) -> str:
    count, size = len(files), bytes_text(sum(file.size or 0 for file in files))
    others = (count - new) * _FILE_SECONDS
    return (
        f"{name}: {new:,} of {count:,} files are built one by one: apart from the download, that "
        f"takes about {_about(new * _DERIVATION_SECONDS + others)}, and about "
        f"{_about(count * _FILE_SECONDS)} with a tree pin; to build them as one, write "
        f'pin = "tree" in {_header(name)}, which downloads {size} when it is locked'
    )


def of_reading(model: Selected, clients: Clients, *, whole: bool = False) -> Iterator[str]:
    """Yield what takes long when a model is locked.

    Args:
        model: with all that is known of its files.
        clients: know what servers allow.
        whole: whether all files are downloaded, for a tree pin.
    """
    for one in model.sources[: 1 if whole else None]:
        reading = _Reading.of(f for f in one.files if whole or (f.git_blob_id and not f.sha256))
        if reading.count > _MANY_FILES:
            allowance = clients.of(one.source).allowance(one.source)
            yield _reading_warning(model.name, one.source.label, reading, allowance, whole=whole)


def _reading_warning(
    name: str, label: str, reading: _Reading, allowance: Allowance | None, *, whole: bool
) -> str:
    line = f"{name}: {label} publishes no sha256 for {reading}; reading them once to compute it"
    if whole:
        line = f"{name}: downloading {reading} of {label} for its tree pin"
    if allowance is None or reading.count <= allowance.requests:
        return line
    least = _about(reading.count / allowance.requests * allowance.seconds)
    return (
        f"{line}; that takes at least {least}, because the server allows "
        f"{allowance.requests:,} requests in {_about(allowance.seconds)} without a token: "
        "set HF_TOKEN or run `hf auth login`"
    )


def _header(name: str) -> str:
    """Return the header of a model in a manifest."""
    return f"[models.{name if _BARE_KEY.fullmatch(name) else json.dumps(name)}]"


def _about(seconds: float) -> str:
    """Return a duration in seconds, or in minutes: `42 s`, `2 h 10 min`."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count)
