"""A binary cache on a web server that takes files by PUT."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aimodels_fetcher.errors import AimodelsError, FetchError, StatusError, TransientError
from aimodels_fetcher.http_client import HttpClient
from aimodels_fetcher.http_errors import lasting_status, refusal
from aimodels_fetcher.retry import (
    INTERACTIVE_TRIES,
    LONGEST_ASKED_WAIT,
    TRANSIENT_STATUSES,
    asked_wait,
    retrying,
)
from aimodels_fetcher.sources.binary_cache import Directory
from aimodels_fetcher.urls import public
from aimodels_gen.net.netrc import login_headers
from aimodels_gen.net.uploads import Uploads
from aimodels_gen.store.binary_caches.base import Archive, BinaryCache, CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimodels_fetcher.http_client import Head
    from aimodels_gen.net.uploads import Reply
    from aimodels_gen.nix import store_url

_ABSENT = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_NO_HEAD = {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
_LOGIN = "write `machine {host} login USER password PASSWORD` into ~/.netrc"
_MAY = "check that the login for {host} in ~/.netrc may do that, and that the URL is right"
_LOOK = "look at the log of the server: its disk may be full, or closed to it"
_NO_PUT = (
    "name a server that does, such as nginx with `dav_methods PUT;` and "
    "`create_full_put_path on;`; or push to file://, s3:// or ssh:// instead"
)
# Status -> what is wrong, and the next step; all but 413 hold for every file.
_TABLE = {
    HTTPStatus.UNAUTHORIZED: ("requires a login", _LOGIN),
    HTTPStatus.FORBIDDEN: ("refuses to be written", _MAY),
    HTTPStatus.NOT_FOUND: ("takes no files by PUT", _NO_PUT),
    HTTPStatus.METHOD_NOT_ALLOWED: ("takes no files by PUT", _NO_PUT),
    HTTPStatus.NOT_IMPLEMENTED: ("takes no files by PUT", _NO_PUT),
    HTTPStatus.CONFLICT: (
        "has no directory for the file",
        "make the directory `nar` there, or set `create_full_put_path on;` in nginx",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "does not take files as large as this",
        "raise its limit: in nginx, `client_max_body_size 0;`",
    ),
    HTTPStatus.INSUFFICIENT_STORAGE: (
        "is full",
        "free some space there, and run this command again: it continues where it stopped",
    ),
}


@dataclass(frozen=True)
class _WebFiles(Directory):
    """The files below a URL.

    Args:
        login: Headers for its host.
    """

    login: Mapping[str, str] = field(default_factory=dict, kw_only=True, repr=False)

    def client(self, connections: int) -> HttpClient:
        """Return a client with the login."""
        client = HttpClient(self.base, lambda _method, _url: self.login, connections)
        client.believe_absence()
        return client


class WebCache(BinaryCache):
    """Asks and writes with the login of a netrc file, if there is one for the host."""

    def __init__(self, url: store_url.WebCache, connections: int) -> None:
        """Read the login; ask for nothing yet."""
        super().__init__(url.label)
        self._base = url.base
        self._host = urlsplit(url.base).hostname or ""
        self._login = login_headers(self._host)
        self._client = HttpClient(url.base, lambda _method, _url: self._login, connections)
        self._client.tries, self._client.patience = INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
        self._client.believe_absence()
        self.files = _WebFiles(self._base, login=self._login)
        self._uploads = Uploads()

    def get(self, name: str, most: int) -> bytes | None:
        """Return a file; see `BinaryCache.get`."""
        try:
            return self._client.get_document(f"{self._base}/{name}", bytes, "a file", most).content
        except StatusError as error:
            if error.status in _ABSENT:
                return None
            raise self._unreadable(error) from error

    def size(self, name: str) -> int | None:
        """Return the bytes of a file; see `BinaryCache.size`."""
        head = self._head(name)
        return _length(head) if head else None

    def _head(self, name: str) -> Head | None:
        """Return what the server says of a file, None where it is not there."""
        url = f"{self._base}/{name}"
        head = self._client.head(url)
        if head.status in _NO_HEAD:
            head = self._client.head(url, "GET")
        if head.status in _ABSENT:
            return None
        if head.status != HTTPStatus.OK:
            raise self._unreadable(refusal(head.status, head.url, head.headers))
        return head

    def put(self, name: str, content: bytes, kind: str) -> None:
        """Write a file; see `BinaryCache.put`."""
        self._put(name, len(content), kind, lambda: [content])

    def put_archive(self, name: str, archive: Archive, kind: str) -> None:
        """Write an archive, and ask whether it is there; see `BinaryCache.put_archive`."""
        self._put(name, archive.size, kind, archive.chunks)

        def attempt() -> None:
            head = self._head(name)
            if head is None or _length(head) not in {None, archive.size}:
                raise TransientError(f"{public(self._base)} does not return {name}")

        try:
            retrying(attempt, tries=lambda: self._client.tries)
        except AimodelsError as error:
            raise CacheError(
                f"{self.label} took {name}, but does not return it",
                "push to the server of the cache itself, not through a proxy",
                fatal=True,
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._uploads.close()

    def _put(self, name: str, size: int, kind: str, chunks: Callable[[], Iterable[bytes]]) -> None:
        headers = {"Content-Type": kind, **self._login}

        def attempt() -> Reply:
            reply = self._uploads.send("PUT", f"{self._base}/{name}", headers, size, chunks)
            if reply.status in TRANSIENT_STATUSES:
                error = refusal(reply.status, reply.url, reply.headers, reply.body)
                raise TransientError(str(error), asked_wait(reply.headers), status=reply.status)
            return reply

        tries, patience = self._client.tries, self._client.patience
        try:
            reply = retrying(attempt, tries=lambda: tries, patience=patience)
        except FetchError as error:
            if not lasting_status(error):
                raise
            raise CacheError(
                f"{self.label} fails: {error.message}",
                _LOOK,
                fatal=True,
            ) from error
        if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if location := reply.headers.get("Location"):
            raise CacheError(
                f"{self.label} redirects what is written to {public(location)}",
                "name that server in the URL, if you trust it",
                fatal=True,
            )
        raise self._refused(refusal(reply.status, reply.url, reply.headers, reply.body))

    def _refused(self, error: StatusError) -> CacheError:
        what, hint = _TABLE.get(
            HTTPStatus(error.status) if error.status in set(HTTPStatus) else HTTPStatus.OK,
            ("refuses to be written", _LOOK),
        )
        return CacheError(
            f"{self.label} {what}: {error}",
            hint.format(host=self._host),
            fatal=error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )

    def _unreadable(self, error: StatusError) -> CacheError:
        what, hint = f"{self.label} cannot be read", _MAY
        if error.status == HTTPStatus.UNAUTHORIZED:
            what, hint = f"{self.label} requires a login", _LOGIN
        return CacheError(f"{what}: {error}", hint.format(host=self._host), fatal=True)


def _length(head: Head) -> int | None:
    """Return the bytes of a file, None where the server does not say."""
    length = head.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None
