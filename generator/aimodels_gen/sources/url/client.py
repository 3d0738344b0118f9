"""Plain files on web servers: requests are the fetcher's, and made without credentials.

Importing this module is slow: only `connect` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.http_client import HttpClient
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.retry import INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.url import Url as Urls
from aimodels_fetcher.sources.url import read
from aimodels_fetcher.upstreams import Upstream
from aimodels_fetcher.urls import public
from aimodels_gen.errors import SourceError
from aimodels_gen.sources.base import Listing, SourceClient
from aimodels_gen.sources.url.digests import published, sums
from aimodels_gen.sources.url.failures import basename, check_type, explain
from aimodels_gen.sources.url.mirrors import Mirrors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimodels_fetcher.filters import Filters
    from aimodels_gen.sources.base import Warn
    from aimodels_gen.sources.url import Url

_CONNECTIONS = 64  # the most that `--jobs` may be
_HEADERS = {
    # RFC 9530, 4; and RFC 3230, 4.3.1, before it.
    "Want-Repr-Digest": "sha-256=10",
    "Want-Digest": "SHA-256",
}
# What servers answer that know no HEAD, or have signed a URL for GET only.
_ASK_OTHERWISE = {
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}


@dataclass(frozen=True)
class _Head:
    """What a server, or the sums file (an empty URL), says of a file."""

    url: str
    size: int | None
    etag: str | None
    sha256: str | None

    @property
    def name(self) -> str:
        return public(self.url) if self.url else "the sums file"


class UrlClient(SourceClient["Url"]):
    """Asks servers about files; one object serves all threads."""

    describes = True

    def __init__(self, warn: Warn) -> None:
        """Use the proxies of the environment, and no credentials; `warn`: see `connect`."""
        self._client = HttpClient("", connections=_CONNECTIONS, headers=_HEADERS)
        self._client.tries, self._client.patience = INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
        self._warn = warn

    def list(self, source: Url, filters: Filters) -> Listing:
        """Return what is taken, with what the sums files say of it; see `SourceClient.list`."""
        known = self._sums(source)
        files = []
        for path, urls in source.files.items():
            sha256 = next((known[name] for name in _names(path, urls) if name in known), None)
            files.append(RemoteFile(path, sha256=sha256))
        return Listing(source, filters.take(files))

    def describe(self, source: Url, file: RemoteFile) -> RemoteFile:
        """Return a file with what its servers say of it; see `SourceClient.describe`.

        All its URLs are asked (HEAD), of which one is enough, and have to agree.
        """
        urls = source.files[file.path]
        heads: list[_Head] = []
        failures: list[SourceError] = []
        for url in urls:
            try:
                heads.append(self._head(url))
            except SourceError as error:  # noqa: PERF203 - there are few
                failures.append(error)
        if not heads:
            raise failures[0]
        for failure in failures:
            self._warn(f"{failure.message}; {public(heads[0].url)} has answered instead")
        in_sums = [_Head("", None, None, file.sha256)] if file.sha256 else []
        facts = [*in_sums, *heads]
        for head in facts[1:]:
            _compare(file.path, facts, head)
        return replace(
            file,
            size=next((head.size for head in heads if head.size is not None), None),
            sha256=next((head.sha256 for head in facts if head.sha256), None),
            # Of the first URL only: others may call it otherwise.
            etag=heads[0].etag if heads[0].url == urls[0] else None,
        )

    def sources(
        self,
        source: Url,
        versions: Mapping[str, str],  # noqa: ARG002 - there are none
    ) -> tuple[Urls, ...]:
        """Return the first URLs of all files, then the second ones; see `SourceClient.sources`."""
        return tuple(one for one in read(source.to_spec()) if isinstance(one, Urls))

    def upstreams(self, source: Url, versions: Mapping[str, str]) -> Mirrors:
        """Return the same with connections; see `SourceClient.upstreams`."""
        urls = self.sources(source, versions)
        return Mirrors([Upstream(one, _CONNECTIONS, self._client) for one in urls], self._warn)

    def explain(self, source: Url, file: RemoteFile, error: AimodelsError) -> SourceError:
        """Return in words why a file could not be read; see `SourceClient.explain`."""
        return explain(error, source.files[file.path][-1], file)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _head(self, url: str) -> _Head:
        try:
            head = self._client.head(url)
            if head.status in _ASK_OTHERWISE:
                head = self._client.head(url, "GET")
            if head.status != HTTPStatus.OK:
                raise refusal(head.status, head.url, head.headers)
        except AimodelsError as error:
            raise explain(error, url) from error
        check_type(url, head.headers.get("Content-Type", ""))
        # Weak ones stand for several contents; a date, for one in a second.
        etag = head.headers.get("ETag") or head.headers.get("Last-Modified")
        if etag is not None and etag.startswith("W/"):
            etag = None
        return _Head(url, _size(head.headers), etag, published(head.headers))

    def _sums(self, source: Url) -> dict[str, str]:
        """Return the sha256 of each name in the sums files.

        Raises:
            SourceError: one cannot be read, or is about none of the files.
        """
        found: dict[str, str] = {}
        wanted = [name for path, urls in source.files.items() for name in _names(path, urls)]
        for url in source.sums or ():
            try:
                text = self._client.get_document(url, _decoded, "text").content
            except AimodelsError as error:
                raise explain(error, url) from error
            lines = sums(text, basename(url))
            if lines.keys().isdisjoint(wanted):
                raise SourceError(
                    f"{public(url)} has a checksum of none of {', '.join(map(repr, source.files))}",
                    "name the file that has lines such as sha256sum writes for them",
                )
            found |= lines
        return found


def _decoded(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _size(headers: Mapping[str, str]) -> int | None:
    """Return the size of the content in bytes, None if it is not said or is coded on the way."""
    length = headers.get("Content-Length", "")
    coded = headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    return int(length) if length.isascii() and length.isdigit() and not coded else None


def _names(path: str, urls: Iterable[str]) -> tuple[str, ...]:
    """Return what a sums file may call a file."""
    return (path, path.rpartition("/")[2], *map(basename, urls))


def _compare(path: str, facts: Iterable[_Head], head: _Head) -> None:
    """Refuse URLs of one file that say different things about it."""
    for other in facts:
        if None not in {head.sha256, other.sha256} and head.sha256 != other.sha256:
            ours, theirs = (hex_to_sri(one.sha256 or "") for one in (other, head))
        elif None not in {head.size, other.size} and head.size != other.size:
            ours, theirs = (f"{one.size} bytes" for one in (other, head))
        else:
            continue
        raise SourceError(
            f"{path!r} is not the same everywhere: {other.name} has {ours}, {head.name} {theirs}",
            "name URLs of the same file",
        )


CLIENT = UrlClient
