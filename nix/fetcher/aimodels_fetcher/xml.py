"""XML as S3 servers write it: small elements, in UTF-8, and nothing that could be large."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_BYTES = 8 << 20
"""The most of a document: 1,000 keys of 1,024 bytes, each encoded as %XX, have 4 MiB."""

_MOST_PARTS = 100_000  # elements and attributes; a page of 1,000 keys has about 10,000
_DEEPEST = 16  # elements in each other; a row of a listing is the third
_PIECE = 16 << 10  # bytes; longer than any tag of S3


def elements(body: bytes) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the elements of a document where they end, so children before their parents.

    The document never becomes a tree, and is not kept. Its namespaces are dropped, because the
    servers that speak S3 do not agree about them. Its own encoding does not count: S3's is UTF-8.

    Args:
        body: The document.

    Yields:
        The names of the elements around it and of itself, and its text.

    Raises:
        ValueError: It is not XML, declares types or entities, or is larger, deeper or has more
            elements than an answer of S3.
    """
    from xml.parsers import expat  # noqa: PLC0415 (not there where entries are only assembled)

    if len(body) > MOST_BYTES:
        raise ValueError(f"{len(body)} bytes")
    reader = _Reader()
    # The names are not interned: a document may have a million of them.
    parser = expat.ParserCreate("UTF-8", None, None)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        for start in range(0, len(body), _PIECE):
            # One tag can have a million attributes: expat would keep all of them.
            if start - parser.CurrentByteIndex > _PIECE:
                raise ValueError("a long tag")
            parser.Parse(body[start : start + _PIECE], False)  # noqa: FBT003 (expat's)
            yield from reader.ended
            reader.ended.clear()
        parser.Parse(b"", True)  # noqa: FBT003 (expat's)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error


class _Reader:
    """Collects elements that have ended since the last look.

    Attributes:
        ended: Path and text of each.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[tuple[str, ...], str]] = []
        self._open: list[tuple[str, list[str]]] = []
        self._parts = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._parts += 1 + len(attributes)
        if self._parts > _MOST_PARTS or len(self._open) == _DEEPEST:
            raise ValueError("too many elements")
        self._open.append((name.rpartition(":")[2], []))

    def text(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, _: str) -> None:
        path = tuple(name for name, _ in self._open)
        _, texts = self._open.pop()
        self.ended.append((path, "".join(texts)))


def _refuse(*_: object) -> NoReturn:
    raise ValueError("declarations")
