"""What a binary cache has of the store paths that are wanted, and whether that can be them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimodels_fetcher.archive import archive_size
from aimodels_fetcher.fetch import max_connections
from aimodels_fetcher.narinfo import name_of
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.net.pool import RequestPool
from aimodels_gen.nix import nar_compression, store
from aimodels_gen.nix.hashes import from_nix_base32
from aimodels_gen.store.binary_caches.base import CacheError
from aimodels_gen.store.paths import PinnedBundle
from aimodels_gen.store.pull_archives import DAMAGED, Offer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.narinfo import NarInfo
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.nix.store import Kind
    from aimodels_gen.store.binary_caches.base import BinaryCache

    Item = PinnedFile | PinnedBundle | LockedModel

_MOST_QUESTIONS = 16  # at a time
_MOST_SILENT = 8  # questions without an answer: then nobody is there
# Bytes of the archive of a bundle: of the directory, and of each file beside its content.
_DIRECTORY = 96
_BUNDLED_FILE = 240
# A tree also lists its files, and has a link to each of them: bytes for each file, and in all.
_MOST_OF_FILE = 8192
_MOST_OF_TREE = 1 << 20
_UNKNOWN_COUNT = 1_000_000


@dataclass
class Offers:
    """What a cache answered.

    Attributes:
        good: by store path, what it has.
        lacking: store paths that it does not have.
        wrong: by store path, why what it has cannot be taken.
    """

    good: dict[str, Offer] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    wrong: dict[str, AimodelsError] = field(default_factory=dict)

    def add(self, path: str, cache: BinaryCache, info: NarInfo | None, item: Item) -> None:
        """Take an answer.

        Raises:
            CacheError: as `_offer`.
        """
        if info is None:
            self.lacking.add(path)
        else:
            self.good[path] = _offer(cache, info, item)


def ask(cache: BinaryCache, wanted: Mapping[str, Item]) -> Offers:
    """Ask a cache for store paths, several at a time.

    Raises:
        AimodelsError: it is not a cache for this store, or does not answer.
    """
    if not cache.check(store.store_dir()):
        raise CacheError(
            f"{cache.label} is not a binary cache: it has no nix-cache-info",
            "check the URL; `aimodels-gen push` makes and fills a cache",
            fatal=True,
        )
    offers = Offers()
    silent: list[AimodelsError] = []
    pool = RequestPool(min(_MOST_QUESTIONS, max_connections()))
    try:
        calls = (lambda path=path: cache.info_of(path) for path in wanted)
        for (path, item), answer in zip(wanted.items(), pool.in_order(calls), strict=True):
            try:
                offers.add(path, cache, answer.result(), item)
            except CacheError as error:  # noqa: PERF203 (each may fail)
                offers.wrong[path] = error
            except AimodelsError as error:  # there is no answer
                offers.wrong[path] = error
                silent.append(error)
                if len(silent) == _MOST_SILENT:
                    raise
    finally:
        pool.close()
    return offers


def _offer(cache: BinaryCache, info: NarInfo, item: Item) -> Offer:
    """Return what a cache has, if it can be what is wanted.

    Raises:
        CacheError: it cannot be read, or its size says that it is something else.
    """
    label = f"{cache.label}/{name_of(info.path)}"
    least, most = _bounds(item)
    if not least <= info.nar_size <= most:
        expected = f"{counted(least, 'byte')}" if least == most else f"{least} to {most} bytes"
        raise CacheError(
            f"{label} is of {counted(info.nar_size, 'byte')}, but what is pinned has {expected}",
            DAMAGED,
        )
    if not nar_compression.is_readable(info.compression):
        hint = "install zstd, or add it to PATH" if info.compression == "zstd" else DAMAGED
        raise CacheError(f"{label} is compressed with {info.compression:.20}", hint)
    if "://" not in info.url and not _is_inside(info.url):
        raise CacheError(f"the URL of {label} leads out of the cache", DAMAGED)
    stored = info.nar_size if info.file_size is None else info.file_size
    if info.compression == "none":
        if stored != info.nar_size:
            raise CacheError(f"{label} has two sizes, {info.nar_size} and {stored}", DAMAGED)
    elif stored > most + most // 8 + _MOST_OF_TREE or not _is_digest(info.file_hash):
        raise CacheError(f"{label} does not say what the compressed archive is", DAMAGED)
    return Offer(_model(item), cache.label, info, *_pinned(item))


def _is_inside(url: str) -> bool:
    """Return whether a relative URL is that of something in the cache."""
    return url.isprintable() and not url.startswith("/") and not {"..", "."} & set(url.split("/"))


def _is_digest(text: str | None) -> bool:
    match = re.fullmatch("sha256:[0-9a-df-np-sv-z]{52}", text or "")
    try:
        return bool(match) and len(from_nix_base32((text or "")[7:])) == 32  # noqa: PLR2004
    except ValueError:
        return False


def _model(item: Item) -> str:
    return item.model if isinstance(item, (PinnedFile, PinnedBundle)) else item.name


def _pinned(item: Item) -> tuple[Kind, str, int]:
    if isinstance(item, PinnedFile):
        return "flat", item.pin.hash, item.pin.size
    if isinstance(item, PinnedBundle):
        files = {file.hash: file.size for file in item.bundle.files.values()}
        return "recursive", item.bundle.hash, sum(files.values())
    assert isinstance(item.pin, TreePin)  # noqa: S101 (for mypy)
    return "recursive", item.pin.hash, item.pin.size


def _bounds(item: Item) -> tuple[int, int]:
    """Return how many bytes the archive may have."""
    if isinstance(item, PinnedFile):
        return (archive_size(item.pin.size),) * 2
    if isinstance(item, PinnedBundle):
        sizes = {file.hash: file.size for file in item.bundle.files.values()}.values()
        size = _DIRECTORY + sum(_BUNDLED_FILE + size + -size % 8 for size in sizes)
        return size, size
    assert isinstance(item.pin, TreePin)  # noqa: S101 (for mypy)
    # Equal files are there once, so that the least is not known.
    count = item.pin.count or _UNKNOWN_COUNT
    return 0, item.pin.size + count * _MOST_OF_FILE + _MOST_OF_TREE
