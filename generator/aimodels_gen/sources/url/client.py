"""Plain addresses through requests. Importing this module is slow: only `connect` does."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import requests

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.urls import public
from aimodels_gen.errors import AimodelsError, SourceError
from aimodels_gen.net.pool import run_all
from aimodels_gen.net.stream_hash import sha256_of
from aimodels_gen.sources.base import Client, ListedFile, Listing
from aimodels_gen.sources.url.digests import published, sums
from aimodels_gen.sources.url.session import Session, explain, length_of, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimodels_gen.sources.base import Warn
    from aimodels_gen.sources.url import Url

_AT_A_TIME = 8
# What servers answer that know no HEAD, or have signed an address for GET only.
_ASK_OTHERWISE = {
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}


@dataclass(frozen=True)
class _Head:
    """What a server says of a file."""

    url: str
    size: int | None
    etag: str | None
    sha256: str | None


class UrlClient(Client["Url"]):
    """Asks servers for files and reads them; one object serves all threads."""

    def __init__(self, warn: Warn) -> None:
        """Use the proxies of the environment, and no credentials; `warn`: see `Source.connect`."""
        self._session = Session()
        self._warn = warn

    def list(self, source: Url) -> Listing:
        """Return the files that have addresses; see `Client.list`.

        A request for each address (HEAD), and for each sums file.
        """
        known = self._sums(source)
        listed = run_all(
            lambda path: self._listed(source, path, known), list(source.files), _AT_A_TIME
        )
        for result in listed:
            if isinstance(result, AimodelsError):
                raise result
        files = tuple(result for result in listed if isinstance(result, ListedFile))
        return Listing(source, files)

    def read(self, source: Url, file: ListedFile, arrived: Callable[[int], None]) -> ListedFile:
        """Return a file with its sha256 and size, having read it; see `Client.read`."""
        first, *others = source.files[file.path]
        for url, following in zip((first, *others), (*others, None), strict=True):
            try:
                return self._read(url, file, arrived)
            except SourceError as error:  # noqa: PERF203 - there are few
                if following is None:
                    raise
                self._warn(f"{error.message}; asking {public(following)} instead")
        raise AssertionError  # the last one returns or raises

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _listed(self, source: Url, path: str, known: Mapping[str, str]) -> ListedFile:
        """Ask all addresses of a file, of which one is enough, and compare what they say."""
        urls = source.files[path]
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
        sha256 = next((known[name] for name in _names(path, urls) if name in known), None)
        facts = [_Head("the sums file", None, None, sha256), *heads] if sha256 else heads
        for head in facts[1:]:
            _compare(path, facts, head)
        return ListedFile(
            path,
            next((head.size for head in heads if head.size is not None), None),
            sha256=sha256 or next((head.sha256 for head in heads if head.sha256), None),
            # Of the first address only: others may call it otherwise.
            etag=heads[0].etag if heads[0].url == urls[0] else None,
        )

    def _head(self, url: str) -> _Head:
        answer = self._session.ask("HEAD", url)
        if answer.status_code in _ASK_OTHERWISE:
            answer = self._session.ask("GET", url)  # of which nothing is read
        with answer:
            if not answer.ok:
                raise explain(answer, url)
            headers = answer.headers
            _check_type(url, headers.get("Content-Type", ""))
            # Weak ones stand for several contents; a date, for one in a second.
            etag = headers.get("ETag") or headers.get("Last-Modified")
            return _Head(
                url,
                length_of(answer),
                None if etag is None or etag.startswith("W/") else etag,
                published(headers),
            )

    def _read(self, url: str, file: ListedFile, arrived: Callable[[int], None]) -> ListedFile:
        def read_from(start: int) -> tuple[int, Iterable[bytes]]:
            headers = {}
            if start and file.etag:  # without one, the rest may be that of another file
                headers = {"Range": f"bytes={start}-", "If-Range": file.etag}
            answer = self._session.ask("GET", url, headers)
            if not answer.ok:
                raise explain(answer, url)
            begins = _first_byte(answer)
            if begins not in {0, start}:
                raise SourceError(
                    f"{public(url)} sends another part than asked for", "try again later"
                )
            return begins, pieces(answer)

        try:
            sha256, size = sha256_of(read_from, (requests.RequestException,), arrived)
        except requests.RequestException as error:
            raise explain(error, url) from error
        if file.size not in {None, size}:
            raise SourceError(
                f"{public(url)} has sent {size} bytes instead of {file.size}",
                "it was replaced while it was being locked, or is damaged on the way: lock again",
            )
        return replace(file, sha256=sha256, size=size)

    def _sums(self, source: Url) -> dict[str, str]:
        """Return the sha256 of each name in the sums files.

        Raises:
            SourceError: one cannot be had, or is about none of the files.
        """
        found: dict[str, str] = {}
        wanted = [name for path, urls in source.files.items() for name in _names(path, urls)]
        for url in source.sums:
            with self._session.ask("GET", url) as answer:
                if not answer.ok:
                    raise explain(answer, url)
                content = self._session.content(answer, url)
            lines = sums(content.decode("utf-8", "replace"), _basename(url))
            if lines.keys().isdisjoint(wanted):
                raise SourceError(
                    f"{public(url)} has a checksum of none of {', '.join(map(repr, source.files))}",
                    "name the file that has lines such as sha256sum writes for them",
                )
            found |= lines
        return found


def _names(path: str, urls: Iterable[str]) -> tuple[str, ...]:
    """Return what a sums file may call a file."""
    return (path, path.rpartition("/")[2], *map(_basename, urls))


def _basename(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _compare(path: str, facts: Iterable[_Head], head: _Head) -> None:
    """Refuse addresses of one file that say different things about it."""
    for other in facts:
        if None not in {head.sha256, other.sha256} and head.sha256 != other.sha256:
            ours, theirs = (hex_to_sri(one.sha256 or "") for one in (other, head))
        elif None not in {head.size, other.size} and head.size != other.size:
            ours, theirs = (f"{one.size} bytes" for one in (other, head))
        else:
            continue
        raise SourceError(
            f"{path!r} is not the same everywhere: {public(other.url)} has {ours}, "
            f"{public(head.url)} {theirs}",
            "name addresses of the same file",
        )


def _check_type(url: str, kind: str) -> None:
    """Refuse the pages that sites show in place of a file."""
    if kind.partition(";")[0].strip().lower() != "text/html":
        return
    if not _basename(url).lower().endswith((".html", ".htm")):
        hint = "name the address that the download itself has"
        if "/blob/" in url:
            hint += ", as with /resolve/ or /raw/ in the place of /blob/"
        raise SourceError(f"{public(url)} is a web page", hint)


def _first_byte(answer: requests.Response) -> int:
    """Return which byte the body begins with."""
    if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
        return 0
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1
