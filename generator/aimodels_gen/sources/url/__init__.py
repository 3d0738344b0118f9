"""Files at addresses of their own: what a manifest may say about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import urlsplit

from aimodels_fetcher.urls import holds_secret, is_file
from aimodels_gen.sources.base import Client, ListedFile, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_gen.sources.base import Warn
    from aimodels_gen.tables import Table


@dataclass(frozen=True)
class Url(Source):
    """Named files, each at an address.

    Attributes:
        files: by path in the model, the addresses to try in order; each has at least one.
        sums: addresses of files with lines of checksums, as sha256sum writes them.
        etags: by path, what the server called the content that was pinned.
    """

    kind: ClassVar[str] = "url"
    example: ClassVar[str] = 'source.url.files = { "model.gguf" = "https://…/model.gguf" }'

    files: Mapping[str, tuple[str, ...]]
    sums: tuple[str, ...] = ()
    etags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_toml(cls, table: Table) -> Url:
        """Read `source.url` of a manifest; see `Source.from_toml`."""
        files = table.table("files")
        if files is None or not files.names():
            table.fail(None, "has no files", 'add files."model.gguf" = "https://…"')
        return cls(
            {path: _addresses(files, path) for path in sorted(files.names())},
            _addresses(table, "sums"),
        )

    @classmethod
    def from_lock(cls, table: Table) -> Url:
        """Read `source.url` of a lock."""
        files = table.table("files") or table.fail("files", "is missing", "restore the lock")
        found = {path: files.one_or_more(path) or () for path in sorted(files.names())}
        return cls(found, table.strings("sums") or (), table.texts("etags"))

    def to_nix(self) -> dict[str, Any]:
        """Return the attributes of `source.url` in Nix; a single address is no list."""
        return {
            "files": {
                path: urls[0] if len(urls) == 1 else list(urls) for path, urls in self.files.items()
            }
        }

    def to_lock(self) -> dict[str, Any]:
        """Return what the lock keeps: sums files and ETags, too."""
        more = {"sums": list(self.sums), "etags": dict(self.etags)}
        return {**self.to_nix(), **{key: value for key, value in more.items() if value}}

    def identity(self) -> dict[str, Any]:
        """Return what decides the content; mirrors have the same."""
        return {"type": self.kind, "files": {path: urls[0] for path, urls in self.files.items()}}

    def asked(self) -> dict[str, Any]:
        """Return that, and what is to be compared with it."""
        return {**self.identity(), "sums": list(self.sums)}

    def resolved_like(self, locked: Url) -> Url:
        """Return this source with what is pinned."""
        return replace(self, etags=locked.etags)

    def holding(self, files: Sequence[ListedFile]) -> Url:
        """Return this source with the ETags of these files."""
        return replace(self, etags={file.path: file.etag for file in files if file.etag})

    def content_id(self, file: ListedFile) -> str | None:
        """Return the file's address and its ETag there."""
        return f"{self.files[file.path][0]} {file.etag}" if file.etag else None

    def remembers(self) -> Sequence[ListedFile]:
        """Return the files with their ETags."""
        return tuple(
            ListedFile(path, None, etag=etag)
            for path, etag in self.etags.items()
            if path in self.files
        )

    def fetcher_spec(self, path: str | None = None) -> dict[str, Any]:
        """Return the addresses, for the bundled fetcher."""
        wanted = self.files if path is None else {path} & self.files.keys()
        return {"files": {path: list(self.files[path]) for path in wanted}}

    @property
    def label(self) -> str:
        """Return the address, or the servers of several."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))[0].partition("?")[0]
        return ", ".join(dict.fromkeys(urlsplit(urls[0]).netloc for urls in self.files.values()))

    def connect(self, warn: Warn) -> Client[Any]:
        """Import requests, and return a client."""
        module = import_module("aimodels_gen.sources.url.client")
        return cast("Client[Any]", module.UrlClient(warn))


def _addresses(table: Table, key: str) -> tuple[str, ...]:
    given = table.one_or_more(key) or ()
    for url in given:
        # It is not quoted, because it may hold a password.
        if not is_file(url):
            hint = "write one like https://example.org/model.gguf, without user and password"
            table.fail(key, "is no http(s) address of a file", hint)
        if holds_secret(url):
            hint = "name an address without it: everybody could read it in the lock and the store"
            table.fail(key, "holds a signature or a token", hint)
    return tuple(dict.fromkeys(given))


SOURCE = Url
