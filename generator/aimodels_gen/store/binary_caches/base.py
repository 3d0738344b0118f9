"""What every binary cache can be asked: by small documents, and by archives (NARs)."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from aimodels_fetcher import narinfo
from aimodels_fetcher.errors import FetchError
from aimodels_gen.errors import THIS_COMMAND, AimodelsError, StoreError
from aimodels_gen.nix import nar, store_url
from aimodels_gen.nix.hashes import nix_base32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from aimodels_fetcher.narinfo import NarInfo
    from aimodels_fetcher.sources.base import Source

INFO = "nix-cache-info"
NARINFO_TYPE = "text/x-nix-narinfo"
_INFO_TYPE = "text/x-nix-cache-info"
_NAR_TYPE = "application/x-nix-nar"
_MOST_INFO = 64 << 10  # bytes


class CacheError(AimodelsError):
    """A binary cache refused, or is none.

    Attributes:
        fatal: Whether it would refuse everything else as well.
    """

    def __init__(self, message: str, hint: str | None, *, fatal: bool = False) -> None:
        """Keep whether to go on."""
        super().__init__(message, hint)
        self.fatal = fatal


class Archive:
    """A store path of this machine that becomes a file of a cache.

    Attributes:
        info: What its `.narinfo` will contain.
        size: Its bytes.
    """

    def __init__(self, info: NarInfo, count: Callable[[int], object] = lambda _: None) -> None:
        """Tell `count` the number of bytes that have been taken, those of another try negative."""
        self.info = info
        self.size = info.nar_size
        self._count = count
        self._counted = 0

    def _take(self, count: int) -> None:
        self._counted += count
        self._count(count)

    def chunks(self) -> Iterator[bytes]:
        """Yield the archive; the last chunk only if all of it is what Nix has registered.

        Raises:
            StoreError: It is damaged, or was removed.
        """
        path, hasher, size, held = self.info.path, hashlib.sha256(), 0, b""
        self._take(-self._counted)
        try:
            for chunk in nar.chunks(Path(path)):
                hasher.update(chunk)
                size += len(chunk)
                if size > self.size:
                    break
                if held:
                    yield held
                    self._take(len(held))
                held = chunk
        except FileNotFoundError:
            raise StoreError(
                f"{path} was removed from the store while it was read",
                f"run `{THIS_COMMAND}` again when no garbage is being collected",
            ) from None
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(f"{path} cannot be read: {reason}", _REPAIR.format(path)) from error
        if size != self.size or f"sha256:{nix_base32(hasher.digest())}" != self.info.nar_hash:
            raise StoreError(
                f"{path} is damaged: its content is not what Nix registered", _REPAIR.format(path)
            )
        yield held
        self._take(len(held))


_REPAIR = (
    "run `aimodels-gen verify --store`, which shows how to replace damaged paths, or delete it "
    "with `nix-store --delete {}`"
)


def published(info: NarInfo) -> NarInfo:
    """Return what a cache says of a store path whose archive is not compressed."""
    digest = info.nar_hash.removeprefix("sha256:")
    return replace(
        info,
        url=f"nar/{digest}.nar",
        compression="none",
        file_hash=info.nar_hash,
        file_size=info.nar_size,
    )


class BinaryCache(ABC):
    """A binary cache. All threads may use one object.

    Attributes:
        label: For messages, without secrets.
        knows_space: Whether `check_space` does anything.
    """

    knows_space: ClassVar[bool] = False
    files: Source | Path  # where the fetcher finds its files: a source, or a directory

    def __init__(self, label: str) -> None:
        """Ask for nothing yet."""
        self.label = label

    @abstractmethod
    def get(self, name: str, most: int) -> bytes | None:
        """Return a small file of the cache, None where it has none of that name.

        Raises:
            AimodelsError: It does not answer, or refuses.
        """

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return the bytes of a file of the cache, None where it is not there, or says nothing.

        Raises:
            AimodelsError: It does not answer, or refuses.
        """

    @abstractmethod
    def put(self, name: str, content: bytes, kind: str) -> None:
        """Write a small file of that content type, in the place of one that is there.

        Raises:
            AimodelsError: It was not written.
        """

    @abstractmethod
    def put_archive(self, name: str, archive: Archive, kind: str) -> None:
        """Write an archive: all of it, or nothing.

        Raises:
            AimodelsError: It was not written.
        """

    def check_space(self, size: int) -> None:  # noqa: B027 - few know it
        """Refuse to begin what cannot fit.

        Raises:
            FetchError: It has not enough room for so many bytes.
        """

    def close(self) -> None:  # noqa: B027 - few have something to close
        """Undo what is half done, and close connections."""

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def info_of(self, path: str) -> NarInfo | None:
        """Return what the cache says of a store path, None where it does not have it.

        Raises:
            AimodelsError: It does not answer, or with something else.
        """
        name = narinfo.name_of(path)
        body = self.get(name, narinfo.MOST_BYTES)
        if not body:  # an empty one is what a loss of power has left of it
            return None
        label = f"{self.label}/{name}"
        try:
            found = narinfo.parse(body.decode("utf-8", "replace"), label)
        except FetchError as error:
            raise CacheError(error.message, error.hint or _NO_CACHE, fatal=True) from error
        if found.path != path:
            raise CacheError(f"{label} is of {found.path}, not of {path}", _NO_CACHE, fatal=True)
        return found

    def check(self, store_dir: str) -> bool:
        """Return whether this is a binary cache for a store directory; False for an empty place.

        Raises:
            AimodelsError: It is something else, or for another store directory.
        """
        body = self.get(INFO, _MOST_INFO)
        if not body:  # as above
            return False
        found = _store_dir(body)
        if found is None:
            raise CacheError(f"{self.label}/{INFO} names no StoreDir", _NO_CACHE, fatal=True)
        if found != store_dir:
            raise CacheError(
                f"{self.label} is a cache for the store directory {found!r}, but this machine's is "
                f"{store_dir}",
                "name another cache: paths of two store directories cannot be in one",
                fatal=True,
            )
        return True

    def prepare(self, store_dir: str, parameters: Mapping[str, str]) -> None:
        """Write what makes an empty place a binary cache.

        Args:
            store_dir: Of all its paths.
            parameters: Of its URL.

        Raises:
            AimodelsError: It was not written.
        """
        self.put(INFO, _info(store_dir, parameters).encode(), _INFO_TYPE)
        if not self.check(store_dir):
            raise CacheError(
                f"{self.label} took {INFO}, but does not return it",
                "push to the server of the cache itself, not through a proxy",
                fatal=True,
            )

    def put_path(self, archive: Archive) -> bool:
        """Write the archive of a store path, unless it is there; return whether it was not.

        The path is in the cache once `publish` has written its `.narinfo`, too.

        Raises:
            AimodelsError: It was not written, or the store path is damaged.
        """
        info = published(archive.info)
        if self.size(info.url) == archive.size:
            return False
        self.put_archive(info.url, archive, _NAR_TYPE)
        return True

    def publish(self, info: NarInfo) -> None:
        """Write the `.narinfo` of a store path whose archive is there.

        Raises:
            AimodelsError: It was not written.
        """
        text = published(info).text()
        self.put(narinfo.name_of(info.path), text.encode(), NARINFO_TYPE)


def _store_dir(info: bytes) -> str | None:
    """Return the beginning of the store directory that a cache names, None for none."""
    lines = [line.partition(":") for line in info.decode("utf-8", "replace").splitlines()]
    return next((value.strip()[:100] for key, _, value in lines if key == "StoreDir"), None)


def _info(store_dir: str, parameters: Mapping[str, str]) -> str:
    """Return what a new cache says of itself."""
    lines = [f"StoreDir: {store_dir}"]
    if wanted := parameters.get("want-mass-query"):
        lines.append(f"WantMassQuery: {int(store_url.is_true(wanted))}")
    if priority := parameters.get("priority"):
        lines.append(f"Priority: {priority}")
    return "".join(f"{line}\n" for line in lines)


_NO_CACHE = "check that the URL is that of a binary cache, and that no proxy alters its answers"
