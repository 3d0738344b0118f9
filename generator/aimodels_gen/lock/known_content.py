"""What a lock remembers of files: content that is the same as it was need not be read again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_gen.lock.model import MOST_BUNDLED, FilesPin

if TYPE_CHECKING:
    from aimodels_gen.lock.model import Lock
    from aimodels_gen.lock.selection import Selected, SourceFiles

    Key = tuple[str, int | None]


@dataclass(frozen=True)
class KnownContent:
    """Files by `Source.content_key` and size in bytes.

    Attributes:
        files: with their sha256.
        bundled: those that were bundled: their source publishes no sha256 for them.
        doubtful: those of which the lock does not say that, because it is of version 1, or because
            they come from a fallback. To be bundled, they have to be asked for, as if they were
            new; what is in `files` helps after that.
    """

    files: dict[Key, RemoteFile] = field(default_factory=dict)
    bundled: set[Key] = field(default_factory=set)
    doubtful: set[Key] = field(default_factory=set)


def known_content(lock: Lock) -> KnownContent:
    """Return what a lock remembers of files."""
    known = KnownContent()
    for model in lock.models.values():
        if not isinstance(model.pin, FilesPin):
            continue
        bundle = model.pin.bundle
        pins = model.pin.all_files
        for path, pin in pins.items():
            if pin.git_blob_id is not None:
                sha256 = sri_to_hex(pin.hash)
                known.files[pin.git_blob_id, pin.size] = RemoteFile(path, pin.size, sha256)
        for number, pinned in enumerate(model.sources):
            for file in pinned.remembered():
                name, pin_of_it = pinned.source.content_key(file), pins.get(file.path)
                if not name or not pin_of_it:
                    continue
                key = name, pin_of_it.size
                sha256 = sri_to_hex(pin_of_it.hash)
                known.files[key] = replace(file, size=pin_of_it.size, sha256=sha256)
                if number == 0 and bundle and file.path in bundle.files:
                    known.bundled.add(key)
                elif (number or model.pin.unbundled) and pin_of_it.size <= MOST_BUNDLED:
                    known.doubtful.add(key)
    known.doubtful.difference_update(known.bundled)
    return known


def recalled(model: Selected, known: KnownContent, *, asked: bool = False) -> Selected:
    """Return a model with what is known of its files, and which of them are bundled.

    Args:
        model: with what listings say of its files.
        known: of content that is the same as it was.
        asked: whether their sources have been asked for what their listings lack.
    """
    bundled = set(model.bundled)

    def recall(one: SourceFiles, file: RemoteFile, *, first: bool) -> RemoteFile:
        name = one.source.content_key(file)
        key = (name or "", file.size)
        is_small = file.size is not None and file.size <= MOST_BUNDLED
        if file.sha256 is not None:
            return file
        if first and is_small and (asked or file.git_blob_id or key in known.bundled):
            bundled.add(file.path)
        must_ask = first and not asked and key in known.doubtful
        found = None if must_ask else known.files.get(key)
        return replace(file, sha256=found.sha256, version=found.version) if found else file

    sources = tuple(
        replace(one, files=RemoteFiles(recall(one, file, first=not number) for file in one.files))
        for number, one in enumerate(model.sources)
    )
    return replace(model, sources=sources, bundled=frozenset(bundled))
