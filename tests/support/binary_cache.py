"""A binary cache of files, in a directory, as `nix copy --to` makes one without compression."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from aimodels_fetcher.archive import header, strings
from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.narinfo import NarInfo, name_of
from aimodels_gen.nix.hashes import nix_base32
from aimodels_gen.nix.store_path import BUNDLE, store_path
from support.fake_repo import chunks, sha256
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from support.fake_repo import Content


class BinaryCache:
    """The cache.

    Args:
        directory: Where it is.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "nar").mkdir(parents=True)
        (directory / "nix-cache-info").write_text("StoreDir: /nix/store\n")

    def add(self, name: str, content: Content, **changes: str | int) -> str:
        """Add a file, and return its store path.

        Args:
            name: Of the store path.
            content: Of the file.
            changes: Of what its `.narinfo` says.
        """
        path = store_path("flat", sri(content), name)
        return self.add_archive(path, file_archive(content), **changes)

    def add_bundle(self, contents: Iterable[bytes]) -> str:
        """Add a bundle of small files, and return its store path."""
        named = {sha256(content): content for content in contents}
        archive = bundle_archive(named)
        digest = hashlib.sha256(archive).hexdigest()
        return self.add_archive(store_path("recursive", hex_to_sri(digest), BUNDLE), archive)

    def add_archive(self, path: str, archive: bytes, **changes: str | int) -> str:
        """Add a store path with this archive, which need not be one."""
        digest = nix_base32(hashlib.sha256(archive).digest())
        (self.directory / "nar" / f"{digest}.nar").write_bytes(archive)
        info = NarInfo(path, f"nar/{digest}.nar", f"sha256:{digest}", len(archive))
        said = replace(info, **changes).text()  # type: ignore[arg-type]  # tests know the types
        (self.directory / name_of(path)).write_text(said)
        return path


def file_archive(content: Content) -> bytes:
    """The archive of a file."""
    size = len(content)
    return b"".join([header(size), *chunks(content), bytes(-size % 8), strings(")")])


def bundle_archive(files: Mapping[str, bytes]) -> bytes:
    """The archive of a directory of files."""
    pieces = [strings("nix-archive-1", "(", "type", "directory")]
    for name, content in sorted(files.items()):
        file = file_archive(content).removeprefix(strings("nix-archive-1"))
        pieces += [strings("entry", "(", "name", name, "node"), file, strings(")")]
    return b"".join([*pieces, strings(")")])
