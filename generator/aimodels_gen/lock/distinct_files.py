"""Files that several models have in common: each is downloaded once."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aimodels_fetcher.content_hashes import Unread
    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.sources.base import RemoteFile


class DistinctFiles:
    """Files in their order, each with the number of the download that is about it."""

    def __init__(self, files: Iterable[Unread]) -> None:
        """Take what is to be read, one after the other."""
        self._files = files
        self._numbers: dict[bytes | int, int] = {}
        self._of_files = array("L")  # there may be 200,000

    def first(self, same: Callable[[RemoteFile], object]) -> Iterator[Unread]:
        """Yield the files to download; `same` is told of each that is the same as one before it."""
        for one in self._files:
            count = len(self._numbers)
            number = self._numbers.setdefault(_key(one), count)
            self._of_files.append(number)
            if number == count:
                yield one
            else:
                same(one.file)

    def of_all(
        self, results: Iterator[RemoteFile | AimodelsError]
    ) -> Iterator[RemoteFile | AimodelsError]:
        """Yield what came of the download of each file, those of the same one included."""
        uses = Counter(self._of_files)
        kept: dict[int, RemoteFile | AimodelsError] = {}
        for number in self._of_files:
            result = kept.pop(number) if number in kept else next(results)
            uses[number] -= 1
            if uses[number]:
                kept[number] = result
            yield result


def _key(one: Unread) -> bytes | int:
    """Return a short name of what is known of a file, and of where it is."""
    found = one.upstreams.first(one.file.path)
    if found is None:
        return id(one)
    upstream, url = found
    known = repr((upstream.source.location, url, one.file)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(known, digest_size=16).digest()
