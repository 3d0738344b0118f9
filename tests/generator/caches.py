"""Binary caches of what a project pins."""

from __future__ import annotations

import bz2
import hashlib
import json
import lzma
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import narinfo
from aimodels_fetcher.narinfo import NarInfo
from aimodels_gen.nix.hashes import nix_base32
from aimodels_gen.nix.nar import chunks
from generator.stores import collect_garbage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from support.nix import NixEnv
    from support.project import Project

_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": lambda data: bz2.compress(data, 1),
    "zstd": lambda data: (
        subprocess.run(["zstd", "-q"], input=data, capture_output=True, check=True).stdout
    ),
}


class Cache:
    """A binary cache in a directory.

    Attributes:
        paths: by model, the store paths that it was filled with, by their names.
    """

    def __init__(self, directory: Path, store: Path) -> None:
        self.directory = directory
        self.paths: dict[str, dict[str, str]] = defaultdict(dict)
        (directory / "nar").mkdir(parents=True)
        (directory / "nix-cache-info").write_text(f"StoreDir: {store}\n")

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    @property
    def every(self) -> set[str]:
        """All store paths."""
        return {path for paths in self.paths.values() for path in paths.values()}

    @property
    def size(self) -> int:
        """The bytes of all archives."""
        return sum(file.stat().st_size for file in (self.directory / "nar").iterdir())

    def add(self, path: str, archive: bytes, compression: str = "none") -> None:
        """Add a store path with this archive, which need not be one."""
        digest = nix_base32(hashlib.sha256(archive).digest())
        stored = _COMPRESSIONS[compression](archive)
        file_digest = nix_base32(hashlib.sha256(stored).digest())
        ending = {"none": "", "zstd": ".zst", "bzip2": ".bz2"}.get(compression, ".xz")
        url = f"nar/{file_digest}.nar{ending}"
        (self.directory / url).write_bytes(stored)
        info = NarInfo(path, url, f"sha256:{digest}", len(archive), compression)
        self.write(replace(info, file_hash=f"sha256:{file_digest}", file_size=len(stored)))

    def narinfo(self, path: str) -> Path:
        return self.directory / narinfo.name_of(path)

    def archive(self, path: str) -> Path:
        return self.directory / self.info(path).url

    def info(self, path: str) -> NarInfo:
        return narinfo.parse(self.narinfo(path).read_text(), path)

    def change(self, path: str, /, **changes: str | int) -> None:
        """Let a .narinfo say something else."""
        changed = replace(self.info(path), **changes)  # type: ignore[arg-type]  # as tests know
        self.narinfo(path).write_text(changed.text())

    def write(self, info: NarInfo) -> None:
        self.narinfo(info.path).write_text(info.text())


def stored(project: Project, *names: str) -> dict[str, list[str]]:
    """Put what is pinned into the store, and return the paths by model."""
    report = json.loads(project.ok("prefetch", "--json", *names))
    return {m["name"]: [path["path"] for path in m["paths"]] for m in report["models"]}


def filled(project: Project, nix: NixEnv, compression: str = "none") -> Cache:
    """Lock, make a cache of what is pinned, and empty the store."""
    project.ok("lock")
    cache = Cache(nix.dir / "binary-cache", nix.store)
    for model, paths in stored(project).items():
        for path in paths:
            cache.paths[model][path.rpartition("/")[2][33:]] = path
            cache.add(path, b"".join(chunks(Path(nix.path(path)))), compression)
    collect_garbage(nix)
    return cache


def another_user(nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the user's cache has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(nix.dir / "another-cache"))


def flip(cache: Cache, path: str) -> None:
    """Damage the archive of a store path."""
    data = bytearray(cache.archive(path).read_bytes())
    data[5000] ^= 1
    cache.archive(path).write_bytes(data)
