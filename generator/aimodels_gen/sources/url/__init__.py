"""Files at URLs of their own: what a manifest may say about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit

from aimodels_fetcher.urls import holds_secret, is_file
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

    def checked(self, place: Place, given: Collection[str]) -> Url:  # noqa: ARG002 - not needed
        """Return it sorted by path, each URL once; see `Source.checked`."""
        if not self.files:
            place.fail(None, "has no files", 'add files."model.gguf" = "https://…"')
        inner = place.child("files")
        files = {path: _checked(inner, path, urls) for path, urls in sorted(self.files.items())}
        return Url(files, _checked(place, "sums", self.sums) if self.sums else None)

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
            return next(iter(self.files.values()))[0].partition("?")[0]
        return ", ".join(dict.fromkeys(urlsplit(urls[0]).netloc for urls in self.files.values()))


def _checked(place: Place, key: str, given: Iterable[str]) -> OneOrMore:
    for url in given:
        # It is not quoted, because it may hold a password.
        if not is_file(url):
            hint = "write one like https://example.org/model.gguf, without user and password"
            place.fail(key, "is no http(s) address of a file", hint)
        if holds_secret(url):
            hint = "name an address without it: everybody could read it in the lock and the store"
            place.fail(key, "holds a signature or a token", hint)
    return OneOrMore(dict.fromkeys(given))


SOURCE = Url
