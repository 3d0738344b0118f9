"""Files at URLs of their own: what a manifest may say about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from aimodels_fetcher.urls import has_query, holds_secret, is_file, public, server
from aimodels_gen.sources.base import Source
from aimodels_gen.tables import OneOrMore, about

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.tables import Place


class Url(Source, frozen=True, forbid_unknown_fields=True):
    """Named files, each at a URL.

    Attributes:
        files: by path in the model, the URLs to try in order; each has at least one.
        sums: URLs of files with lines of checksums, as sha256sum writes them.
        query: "public" where URLs may have a query, because nothing in it is secret.
    """

    kind: ClassVar[str] = "url"
    example: ClassVar[str] = 'source.url.files = { "model.gguf" = "https://…/model.gguf" }'
    remembered: ClassVar[tuple[str, ...]] = ("etags",)

    files: Annotated[
        Mapping[str, OneOrMore],
        about(
            "For each path in the model its URL, or several to try in order.",
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
        files = {path: _unique(urls) for path, urls in sorted(self.files.items())}
        return Url(files, _unique(self.sums) if self.sums else None, self.query)

    def check_addresses(self, place: Place) -> None:
        """Refuse URLs with what nobody else may read; see `Source.check_addresses`."""
        inner = place.child("files")
        for path, urls in sorted(self.files.items()):
            self._check(place, inner, path, urls)
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

    def to_lock(self) -> dict[str, Any]:
        """Return what the lock has: its list of sums files is always a list."""
        sums = {"sums": list(self.sums)} if self.sums else {}
        return {**super().to_lock(), **sums}

    def to_spec(self) -> dict[str, Any]:
        """Return the URLs for the fetcher, each file's as a list."""
        return {"files": {path: list(urls) for path, urls in self.files.items()}}

    def pin_inputs(self) -> dict[str, Any]:
        """Return what decides the content, and what is compared with it, as lists."""
        return {**self.identity(), "sums": list(self.sums or ())}

    def content_key(self, file: RemoteFile) -> str | None:
        """Return the file's first URL and its ETag there."""
        urls = self.files.get(file.path)
        return f"{urls[0]} {file.etag}" if urls and file.etag else None

    @property
    def label(self) -> str:
        """Return the URL, or the servers of several."""
        if len(self.files) == 1:
            return public(next(iter(self.files.values()))[0])
        return ", ".join(dict.fromkeys(server(urls[0]) for urls in self.files.values()))


def _unique(urls: Iterable[str]) -> OneOrMore:
    return OneOrMore(dict.fromkeys(urls))


SOURCE = Url
