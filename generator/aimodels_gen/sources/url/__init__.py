"""Files at URLs of their own: what a manifest may say about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from aimodels_fetcher.urls import has_query, holds_secret, is_file, public, server
from aimodels_gen.sources.base import Source
from aimodels_gen.sources.url.files import UrlFile
from aimodels_gen.tables import OneOrMore, about

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.tables import Place


class Url(Source, frozen=True, forbid_unknown_fields=True):
    """Named files, each at a URL.

    Attributes:
        files: by path in the model, the URLs to try in order, and the sha256 if it is known.
        sums: URLs of files with lines of checksums, as sha256sum writes them.
        query: "public" where URLs may have a query, because nothing in it is secret.
    """

    kind: ClassVar[str] = "url"
    example: ClassVar[str] = 'source.url.files = { "model.gguf" = "https://…/model.gguf" }'
    remembered: ClassVar[tuple[str, ...]] = ("etags",)

    files: Annotated[
        Mapping[str, UrlFile],
        about(
            "For each path in the model its URL, or several to try in order; with its sha256: "
            '{ url = "https://…", sha256 = "…" }.',
            add='files."model.gguf" = "https://…"',
        ),
    ]
    sums: Annotated[
        OneOrMore | None, about("The URLs of files with lines of sha256sum.", role="proof")
    ] = None
    query: Annotated[
        Literal["public"] | None,
        about("Write public where URLs have queries that everybody may read.", role="location"),
    ] = None

    def checked(self, place: Place, given: Collection[str]) -> Url:  # noqa: ARG002 - not needed
        """Return it sorted by path, each URL once; see `Source.checked`."""
        if not self.files:
            place.fail(None, "has no files", 'add files."model.gguf" = "https://…"')
        self.check_addresses(place)
        sums = OneOrMore(dict.fromkeys(self.sums)) if self.sums else None
        return Url(dict(sorted(self.files.items())), sums, self.query)

    def check_addresses(self, place: Place) -> None:
        """Refuse URLs with what nobody else may read; see `Source.check_addresses`."""
        inner = place.child("files")
        for path, file in sorted(self.files.items()):
            self._check(place, inner, path, file.urls)
        self._check(place, place, "sums", self.sums or ())

    def _check(self, place: Place, inner: Place, key: str, urls: Iterable[str]) -> None:
        """Refuse the URLs at a key; they are not quoted, because they may hold a password."""
        for url in urls:
            if not is_file(url):
                hint = "write one like https://example.org/model.gguf, without user and password"
                inner.fail(key, "is not an http(s) address of a file", place.repair or hint)
            if holds_secret(url):
                hint = (
                    "name an address without it: everybody could read it in the lock and the store"
                )
                inner.fail(key, "holds a signature or a token", place.repair or hint)
            if has_query(url) and self.query is None:
                hint = f'if nothing in it is secret, add query = "public" to {place.key}'
                more = " in models.toml, and run `aimodels-gen lock`" if place.repair else ""
                reason = "has a query, which everybody could read in the lock and the store"
                inner.fail(key, reason, hint + more)

    def urls(self, path: str) -> OneOrMore:
        """Return the URLs of a file, in the order in which they are tried."""
        return self.files[path].urls

    def sha256(self, path: str) -> str | None:
        """Return the sha256 that the manifest sets for a file; see `Source.sha256`."""
        file = self.files.get(path)
        return file.sha256 if file else None

    def undeclared(self) -> Url:
        """Return it without the sha256 of files; see `Source.undeclared`."""
        return msgspec.structs.replace(
            self, files={path: UrlFile(file.urls) for path, file in self.files.items()}
        )

    def to_nix(self) -> dict[str, Any]:
        """Return the attributes in Nix, where the pin has the checksums."""
        files = {path: file.urls.plain() for path, file in self.files.items()}
        return {**super().to_nix(), "files": files}

    def to_lock(self) -> dict[str, Any]:
        """Return what the lock has: its list of sums files is always a list."""
        sums = {"sums": list(self.sums)} if self.sums else {}
        return {**super().to_lock(), **sums}

    def to_spec(self) -> dict[str, Any]:
        """Return the URLs for the fetcher, each file's as a list."""
        return {"files": {path: list(file.urls) for path, file in self.files.items()}}

    def identity(self) -> dict[str, Any]:
        """Return the first URL of each file: the others are mirrors of it."""
        return {
            "type": self.kind,
            "files": {path: file.urls[0] for path, file in self.files.items()},
        }

    def pin_inputs(self) -> dict[str, Any]:
        """Return what decides the content, and what is compared with it, as lists."""
        found = {path: file.sha256 for path, file in self.files.items() if file.sha256}
        inputs = {**self.identity(), "sums": list(self.sums or ())}
        return {**inputs, "sha256": found} if found else inputs

    def content_key(self, file: RemoteFile) -> str | None:
        """Return the sha256 of the manifest; else the file's first URL and its ETag there.

        What a wrong sha256 has pinned is not taken for what the server has at that ETag.
        """
        declared = self.files.get(file.path)
        if declared is None:
            return None
        if declared.sha256 is not None:
            return f"sha256 {declared.sha256}"
        return f"{declared.urls[0]} {file.etag}" if file.etag else None

    @property
    def is_exact(self) -> bool:
        """Return whether the manifest sets the sha256 of every file."""
        return all(file.sha256 for file in self.files.values())

    @property
    def label(self) -> str:
        """Return the URL, or the servers of several."""
        firsts = [file.urls[0] for file in self.files.values()]
        if len(firsts) == 1:
            return public(firsts[0])
        return ", ".join(dict.fromkeys(map(server, firsts)))


SOURCE = Url
