"""Many rows of listings, in a third of the memory: there may be 200,000."""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from aimodels_fetcher.sources.base import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class RemoteFiles(Sequence[RemoteFile]):
    """Files in the order in which they come. Each is made again whenever it is looked at.

    Args:
        files: The first ones.
    """

    def __init__(self, files: Iterable[RemoteFile] = ()) -> None:
        self._records = [packed(file) for file in files]

    def append(self, file: RemoteFile) -> None:
        """Add a file."""
        self._records.append(packed(file))

    def emptied(self) -> Iterator[RemoteFile]:
        """Yield the files, of which none is kept here once it has been yielded."""
        self._records.reverse()
        while self._records:
            yield unpacked(self._records.pop())

    @overload
    def __getitem__(self, index: int) -> RemoteFile: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[RemoteFile]: ...

    def __getitem__(self, index: int | slice) -> RemoteFile | Sequence[RemoteFile]:
        if isinstance(index, slice):
            return [unpacked(record) for record in self._records[index]]
        return unpacked(self._records[index])

    def __iter__(self) -> Iterator[RemoteFile]:
        return map(unpacked, self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteFiles) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]  # it changes


def packed(file: RemoteFile) -> bytes:
    """Return a file in little memory, for this process."""
    return marshal.dumps(
        (
            file.path,
            file.size,
            _bytes(file.sha256),
            _bytes(file.git_blob_id),
            file.lfs,
            file.etag,
            file.version,
            file.most,
        )
    )


def unpacked(record: bytes) -> RemoteFile:
    """Return what was packed."""
    path, size, sha256, git_blob_id, *others = marshal.loads(record)  # noqa: S302 (made above)
    return RemoteFile(path, size, _hex(sha256), _hex(git_blob_id), *others)


def _bytes(digest: str | None) -> bytes | str | None:
    """Return a digest in half of the memory; other text than lower-case hex stays as it is."""
    try:
        short = bytes.fromhex(digest or "")
    except ValueError:
        return digest
    return short if digest and short.hex() == digest else digest


def _hex(digest: bytes | str | None) -> str | None:
    return digest.hex() if isinstance(digest, bytes) else digest
