"""What the fetcher's errors mean for a plain file on a web server."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aimodels_fetcher.errors import ContentError, SizeError
from aimodels_fetcher.urls import public
from aimodels_gen.errors import SourceError
from aimodels_gen.net.faults import causes, fault

if TYPE_CHECKING:
    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.sources.base import RemoteFile

_CHECK = "check the address"


def explain(error: AimodelsError, url: str, file: RemoteFile | None = None) -> SourceError:
    """Return a `SourceError` that says what an error of the fetcher means.

    Args:
        error: what happened.
        url: what was asked for.
        file: what was known of it, where its content was read.
    """
    if isinstance(error, SourceError):
        return error
    for one in causes(error):
        if isinstance(one, (ContentError, SizeError)):
            return _replaced(one, url, file)
    found = fault(error)
    if found.kind == "unreachable":
        return SourceError(
            f"cannot reach {public(url)}: {found.reason}",
            found.hint or "check the address, the network and the proxy settings, then try again",
        )
    if found.status:
        return _status(found.status, url)
    return SourceError(error.message, error.hint or _CHECK)


def check_type(url: str, kind: str) -> None:
    """Refuse the pages that sites show in place of a file.

    Args:
        url: of the file.
        kind: the `Content-Type` of the answer.

    Raises:
        SourceError: it is one.
    """
    if kind.partition(";")[0].strip().lower() != "text/html":
        return
    if not basename(url).lower().endswith((".html", ".htm")):
        hint = "name the address that the download itself has"
        if "/blob/" in url:
            hint += ", as with /resolve/ or /raw/ in the place of /blob/"
        raise SourceError(f"{public(url)} is a web page", hint)


def basename(url: str) -> str:
    """Return the name of the file at a URL."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _status(status: int, url: str) -> SourceError:
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        what, hint = "is not there", "look for where it has gone"
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        what, hint = "is refused", "it may want a login: name an address that does not"
    elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        what, hint = "is not available at the moment", "try again later"
    else:
        what, hint = "is refused", _CHECK
    return SourceError(f"{public(url)} {what} (HTTP {status})", hint)


def _replaced(error: ContentError | SizeError, url: str, file: RemoteFile | None) -> SourceError:
    hint = "it was replaced while it was being locked, or is damaged on the way: lock again"
    if file is not None and file.size not in {None, error.received} and error.received:
        return SourceError(
            f"{public(url)} has sent {error.received} bytes instead of {file.size}", hint
        )
    return SourceError(f"{public(url)} was not the same from beginning to end", hint)
