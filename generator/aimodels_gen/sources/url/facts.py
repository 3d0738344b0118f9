"""What servers say of a file, asked without reading it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.peek import Peek, peek
from aimodels_fetcher.published import agreed_sha256, checksums
from aimodels_fetcher.urls import public
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import SourceError
from aimodels_gen.sources.url.failures import check_content, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimodels_fetcher.http_client import Head, HttpClient

# Of a body without a length whose HEAD has one: it may be that of the compressed content.
_MOST_EXPANSION = 16
_MOST_MORE = 16 << 20  # bytes; or it may be wrong

SUMS = "the sums file"
MANIFEST = "the manifest"


@dataclass(frozen=True)
class Facts:
    """What a server says of a file, or what else there is about it.

    Attributes:
        url: of the server; else SUMS or MANIFEST.
        etag: None for one that may stand for several contents.
        most: more bytes than it can have, where its size is not known.
    """

    url: str
    size: int | None = None
    etag: str | None = None
    sha256: str | None = None
    most: int | None = None

    @property
    def name(self) -> str:
        """Return what messages call the one who says it."""
        return self.url if self.url in {SUMS, MANIFEST} else public(self.url)


@dataclass(frozen=True)
class Answer:
    """What a server says of a file where it sends its first bytes, and how it says it."""

    facts: Facts
    peek: Peek


def ask(path: str, url: str, client: HttpClient) -> Answer:
    """Return what a server says of a file where it sends its first bytes.

    Args:
        path: of the file in the model.
        url: where it is.
        client: asks for the first bytes.

    Raises:
        SourceError: the server has no such file, or something else in its place.
    """
    try:
        found = peek(client, url)
    except AimodelsError as error:
        raise explain(error, url) from error
    check_content(path, url, found)
    # Weak ones stand for several contents; a date, for one in a second.
    etag = found.headers.get("ETag") or found.headers.get("Last-Modified")
    if etag is not None and etag.startswith("W/"):
        etag = None
    return Answer(Facts(url, found.size, etag, agreed_sha256(found.checksums)), found)


def ask_more(answer: Answer, heads: HttpClient) -> Facts:
    """Return what a server says of a file with what HEAD adds, which is asked once."""
    facts = answer.facts
    if None not in {facts.size, facts.sha256}:
        return facts
    try:
        head = heads.head(facts.url)
    except AimodelsError:
        return facts
    return _with_head(facts, answer.peek, head) if head.status == HTTPStatus.OK else facts


def compare(path: str, facts: Iterable[Facts], head: Facts) -> None:
    """Compare what is said of a file with what others say of it.

    Raises:
        SourceError: it is something else.
    """
    for other in facts:
        if None not in {head.sha256, other.sha256} and head.sha256 != other.sha256:
            ours, theirs = (hex_to_sri(one.sha256 or "") for one in (other, head))
        elif None not in {head.size, other.size} and head.size != other.size:
            ours, theirs = (counted(one.size or 0, "byte") for one in (other, head))
        else:
            continue
        hint = "name URLs of the same file"
        if other.url == MANIFEST:
            hint = (
                f'if {head.name} is right, write `sha256 = "{head.sha256}"` for {path!r} in the '
                "manifest; otherwise name the URL of another copy"
            )
        raise SourceError(
            f"{path!r} is not the same everywhere: {other.name} has {ours}, {head.name} {theirs}",
            hint,
        )


def _with_head(facts: Facts, found: Peek, head: Head) -> Facts:
    """Return facts with what HEAD adds: a checksum, and about how large the file is.

    What may be about something else adds nothing.
    """
    size, etag, ours = _size(head.headers), head.headers.get("ETag"), found.headers.get("ETag")
    if facts.size is None:
        # What is read is compared with it.
        facts = replace(facts, most=size * _MOST_EXPANSION + _MOST_MORE if size else None)
    elif ours != etag or (etag is None and size != facts.size):
        return facts
    if any(one.algorithm == "sha256" for one in found.checksums):
        return facts
    return replace(facts, sha256=agreed_sha256(checksums(head.headers)))


def _size(headers: Mapping[str, str]) -> int | None:
    """Return the size of the content in bytes, None if it is not said or is coded on the way.

    Servers that do not know it say 0 to HEAD.
    """
    length = headers.get("Content-Length", "")
    coded = headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    known = length.isascii() and length.isdigit() and not coded
    return (int(length[:20]) or None) if known else None
