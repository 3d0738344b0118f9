"""The fourth stage of locking: prove that fallbacks have every file, with the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.sources.base import Listing, Source

_NAMED = 5  # files in a message


def counterparts(source: Source, files: Sequence[RemoteFile], fallback: Listing) -> RemoteFiles:
    """Return the files of a fallback that stand for these of a model's source, in their order.

    Raises:
        SourceError: some are not there.
    """
    there = {file.path: file for file in fallback.selection.taken}
    lacking = [file.path for file in files if file.path not in there]
    label = fallback.source.label
    if lacking:
        names = ", ".join(map(repr, lacking[:_NAMED])) + (", ..." if lacking[_NAMED:] else "")
        raise SourceError(
            f"the fallback {label} lacks {len(lacking)} of {counted(len(files), 'file')} that "
            f"{source.label} has: {names}",
            "copy them there, leave them out with include or exclude, or remove the fallback",
        )
    return RemoteFiles(there[file.path] for file in files)


def compare_sizes(
    source: Source, files: Sequence[RemoteFile], fallback: Source, others: Sequence[RemoteFile]
) -> None:
    """Compare the sizes of a model's files with those of their counterparts: nothing is read yet.

    Raises:
        SourceError: two differ.
    """
    for file, other in zip(files, others, strict=True):
        if None not in {file.size, other.size} and file.size != other.size:
            ours, theirs = (counted(one.size or 0, "byte") for one in (file, other))
            raise _difference(file, ours, source, theirs, fallback)


def prove(
    source: Source, files: Sequence[RemoteFile], fallback: Source, others: Sequence[RemoteFile]
) -> None:
    """Compare the hashes of a model's files with those of their counterparts.

    Raises:
        SourceError: two differ.
    """
    for file, other in zip(files, others, strict=True):
        if file.sha256 != other.sha256:
            ours, theirs = (hex_to_sri(one.sha256 or "") for one in (file, other))
            raise _difference(file, ours, source, theirs, fallback)


def _difference(
    file: RemoteFile, ours: str, source: Source, theirs: str, fallback: Source
) -> SourceError:
    declared = source.sha256(file.path) or fallback.sha256(file.path)
    correct = "correct the sha256 of the file in the manifest, " if declared else ""
    return SourceError(
        f"{file.path!r} is not the same everywhere: {source.label} has {ours}, the fallback "
        f"{fallback.label} {theirs}",
        f"{correct}bring {fallback.label} up to date, or remove it from the fallbacks",
    )
