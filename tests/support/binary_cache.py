"""A binary cache of files, in a directory, as `nix copy --to` makes one without compression."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from aimodels_fetcher.archive import header, strings
from aimodels_fetcher.narinfo import NarInfo, name_of
from aimodels_gen.nix.hashes import nix_base32
from aimodels_gen.nix.store_path import store_path
from support.fake_repo import chunks
from support.specs import sri

if TYPE_CHECKING:
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
        size = len(content)
        archive = b"".join([header(size), *chunks(content), bytes(-size % 8), strings(")")])
        return self.add_archive(store_path("flat", sri(content), name), archive, **changes)

    def add_archive(self, path: str, archive: bytes, **changes: str | int) -> str:
        """Add a store path with this archive, which need not be one."""
        digest = nix_base32(hashlib.sha256(archive).digest())
        (self.directory / "nar" / f"{digest}.nar").write_bytes(archive)
        info = NarInfo(path, f"nar/{digest}.nar", f"sha256:{digest}", len(archive))
        said = replace(info, **changes).text()  # type: ignore[arg-type]  # tests know the types
        (self.directory / name_of(path)).write_text(said)
        return path
