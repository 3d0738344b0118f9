"""How requests to plain addresses are made, and what their failures mean."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests

from aimodels_fetcher.urls import public
from aimodels_gen.errors import SourceError
from aimodels_gen.net.retry import TRIES, pause_of_status, retrying
from aimodels_gen.net.stream_hash import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TIMEOUT = (15.0, 60.0)  # seconds to connect, and between bytes
_CONNECTIONS = 64  # the most that `--jobs` may be
_LARGEST = 64 << 20  # bytes
_CHECK = "check the address"
_HEADERS = {
    "User-Agent": "nix-ai-models",
    # Sizes and checksums are then those of the file.
    "Accept-Encoding": "identity",
    # RFC 9530, 4; and RFC 3230, 4.3.1, before it.
    "Want-Repr-Digest": "sha-256=10",
    "Want-Digest": "SHA-256",
}


class _Passing(Exception):  # noqa: N818 - an answer, which is no error yet
    """An answer that may be another one if it is asked for again."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.answer = answer


class Session(requests.Session):
    """Connections without credentials: those of a .netrc would go to whoever is redirected to."""

    def __init__(self) -> None:
        """Take proxies and certificates from the environment."""
        super().__init__()
        self.headers.update(_HEADERS)
        self.verify = os.environ.get("SSL_CERT_FILE") or True
        self.auth = _anonymous
        for scheme in ("https://", "http://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS))

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Add no credentials on the way."""

    def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Return the answer, whatever its status; its body has yet to be read.

        Statuses and connections that may be better another time are tried again.

        Raises:
            SourceError: there is none.
        """

        def attempt() -> requests.Response:
            answer = self.request(
                method, url, headers=headers, stream=True, timeout=_TIMEOUT, allow_redirects=True
            )
            if pause_of_status(answer.status_code, answer.headers, 0) is not None:
                answer.close()
                raise _Passing(answer)
            return answer

        try:
            return retrying(attempt, TRIES, (requests.RequestException, _Passing), _pause)
        except _Passing as passing:
            return passing.answer
        except requests.RequestException as error:
            raise explain(error, url) from error

    def content(self, answer: requests.Response, url: str) -> bytes:
        """Return the whole body of an answer, of what is no model: a listing, a sums file.

        Raises:
            SourceError: it breaks off, or is larger than such things are.
        """
        content = b""
        try:
            for piece in pieces(answer):
                content += piece
                if len(content) > _LARGEST:
                    raise SourceError(f"{public(url)} is too large for what it should be", _CHECK)
        except requests.RequestException as error:
            raise explain(error, url) from error
        return content


def length_of(answer: requests.Response) -> int | None:
    """Return the size of the content in bytes, None if it is not said or is coded on the way."""
    length = answer.headers.get("Content-Length", "")
    coded = answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    return int(length) if length.isascii() and length.isdigit() and not coded else None


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """Read a body, and notice if it ends early, as old releases of urllib3 do not.

    Raises:
        requests.RequestException: it does.
    """
    length, got = length_of(answer), 0
    with answer:
        for piece in answer.iter_content(CHUNK):
            got += len(piece)
            yield piece
    if length is not None and got < length:
        raise requests.ConnectionError(f"the connection ended after {got} of {length} bytes")


def explain(problem: requests.Response | requests.RequestException, url: str) -> SourceError:
    """Return what an answer that refuses, or the lack of one, means."""
    if isinstance(problem, requests.RequestException):
        return SourceError(
            f"cannot reach {public(url)}: {_reason(problem)}",
            "check the address, the network and the proxy settings, then try again",
        )
    status = problem.status_code
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        what, hint = "is not there", "look for where it has gone"
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        what, hint = "is refused", "it may want a login: name an address that does not"
    elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        what, hint = "cannot be had at the moment", "try again later"
    else:
        what, hint = "is refused", _CHECK
    return SourceError(f"{public(url)} {what} (HTTP {status})", hint)


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _pause(error: Exception, otherwise: float) -> float | None:
    if isinstance(error, _Passing):
        return pause_of_status(error.answer.status_code, error.answer.headers, otherwise)
    # Bad addresses and settings do not get better by waiting (requests' exceptions.py).
    return None if isinstance(error, ValueError) else otherwise


def _reason(error: Exception) -> str:
    """Return the innermost reason, on one line and without the query of an address."""
    inner: BaseException = error
    while causes := [
        cause
        for cause in (getattr(inner, "reason", None), *inner.args)
        if isinstance(cause, BaseException)
    ]:
        inner = causes[0]
    text = " ".join(str(inner).split()) or type(inner).__name__
    return text.partition("?")[0]
