"""What the fetcher's errors mean for a plain file on a web server."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aimodels_fetcher.errors import ContentError, SizeError
from aimodels_fetcher.urls import public, server
from aimodels_fetcher.verification import MIXED
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import THIS_COMMAND, SourceError
from aimodels_gen.net.contents import is_text, mistaken
from aimodels_gen.net.faults import causes, fault

if TYPE_CHECKING:
    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.peek import Peek
    from aimodels_fetcher.sources.base import RemoteFile

_CHECK = "check the address"
# https://docs.github.com/en/repositories/working-with-files/managing-large-files: LFS files are
# at another address.
_GITHUB_RAW = "https://raw.githubusercontent.com/"
_GITHUB_MEDIA = "https://media.githubusercontent.com/media/"


def explain(
    error: AimodelsError, url: str, file: RemoteFile | None = None, *, declared: bool = False
) -> SourceError:
    """Return a `SourceError` that says what an error of the fetcher means.

    Args:
        error: what happened.
        url: what was asked for.
        file: what was known of it, where its content was read.
        declared: whether its sha256 is that of the manifest.
    """
    if isinstance(error, SourceError):
        return error
    for one in causes(error):
        if isinstance(one, (ContentError, SizeError)):
            if declared and isinstance(one, ContentError) and one.difference.startswith("expected"):
                message = f"{public(url)} is not what the manifest expects: {one.difference}"
                return SourceError(message, one.hint)
            return _wrong(one, url, file)
    found = fault(error)
    if found.kind == "unreachable":
        return SourceError(
            f"cannot reach {public(url)}: {found.reason}",
            found.hint or "check the address, the network and the proxy settings, then try again",
            common=f"cannot reach {server(url)}: {found.reason}",
        )
    if found.status:
        return _status(found.status, url)
    return SourceError(error.message, error.hint or _CHECK)


def check_content(path: str, url: str, found: Peek) -> None:
    """Refuse what sites show in place of a file: pages, pointers, errors.

    Args:
        path: of the file in the model.
        url: of the file.
        found: the beginning of the answer.

    Raises:
        SourceError: it is not the file.
    """
    wrong = mistaken(path, found.beginning, url)
    kind = found.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    # Some servers call everything text/html that they do not know.
    if wrong is None and kind == "text/html" and found.beginning and is_text(found.beginning):
        wrong = mistaken(path, b"<html>", url)
    if wrong:
        raise SourceError(f"{public(url)} is {wrong}", _address_hint(url))


def _address_hint(url: str) -> str:
    """Return where the file itself may be, as far as well-known sites show it in their URLs."""
    hint = "name the address that the download itself has"
    if url.startswith(_GITHUB_RAW):
        return f"{hint}: {public(url.replace(_GITHUB_RAW, _GITHUB_MEDIA))}"
    if "/blob/" in url:
        return f"{hint}, as with /resolve/ or /raw/ in the place of /blob/"
    if "/raw/" in url:
        return f"{hint}, as with /resolve/ in the place of /raw/"
    return hint


def basename(url: str) -> str:
    """Return the name of the file at a URL."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _status(status: int, url: str) -> SourceError:
    common = None
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        what, hint = "is not there", "find its new address, and write that into models.toml"
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        what, hint = "is refused", "it may require a login: use an address that does not"
        common = f"{server(url)} refuses these files (HTTP {status})"
    elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        what, hint = "is not available at the moment", "try again later"
        common = f"{server(url)} {what} (HTTP {status})"
    else:
        what, hint = "is refused", _CHECK
    return SourceError(f"{public(url)} {what} (HTTP {status})", hint, common=common)


def _wrong(error: ContentError | SizeError, url: str, file: RemoteFile | None) -> SourceError:
    """Return the error for content that is not what was published, or not what was there before."""
    difference = error.difference if isinstance(error, ContentError) else ""
    if file is not None and file.sha256 is not None and difference:
        return SourceError(
            f"{public(url)} is not what is published of it: {difference}",
            "the file and its checksum (in a sums file, or in a header) are of different content: "
            "report it to their owner, or use other URLs",
        )
    hint = (
        f"it was replaced meanwhile, or damaged on the way: run `{THIS_COMMAND}` again; if that "
        "fails in the same way, look at what the server sends"
    )
    if file is not None and file.size not in {None, error.received} and error.received:
        return SourceError(
            f"{public(url)} has sent {counted(error.received, 'byte')} instead of {file.size}", hint
        )
    if difference and error.hint and difference != MIXED:
        return SourceError(f"{public(url)}: {difference}", error.hint)
    return SourceError(f"{public(url)} was not the same from beginning to end", hint)
