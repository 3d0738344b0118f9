"""One file of a source of URLs, in the forms that a manifest and a lock may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.nix.hashes import from_nix_base32
from aimodels_gen.tables import OneOrMore, Variant, check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    from aimodels_gen.tables import Place

_HEX, _NIX32, _BASE64 = (
    "[0-9a-fA-F]{64}",
    "[0-9abcdfghijklmnpqrsvwxyz]{52}",
    "[0-9A-Za-z+/]{43}=",
)
_SCHEMA = f"^((sha256:)?({_HEX}|{_NIX32}|{_BASE64})|sha256-{_BASE64})$"
_CHECKSUMS = {32: "an md5", 40: "a sha1", 96: "a sha384", 128: "a sha512"}  # by their digits
_WHERE = "or remove the key: `aimodels-gen lock` computes the sha256"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form with a checksum."""

    url: OneOrMore
    sha256: str | None = None


class UrlFile(Variant):
    """A file: `"https://…"`, a list of mirrors, or `{ url = …, sha256 = "…" }`.

    Attributes:
        urls: to try in order; at least one, each once.
        sha256: of its content in 64 lower-case hex digits, if the manifest sets it.
    """

    __slots__ = ("sha256", "urls")

    # No dataclass: msgspec would read one by its fields.
    def __init__(self, urls: OneOrMore, sha256: str | None = None) -> None:
        """Keep both."""
        self.urls = urls
        self.sha256 = sha256

    def __eq__(self, other: object) -> bool:
        """Return whether another file has the same URLs and the same sha256."""
        return isinstance(other, UrlFile) and self._key == other._key

    def __hash__(self) -> int:
        """Return the same for equal files."""
        return hash(self._key)

    @property
    def _key(self) -> tuple[OneOrMore, str | None]:
        return self.urls, self.sha256

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return any of the forms as a file; see `Variant.decode`."""
        if not isinstance(value, dict):
            return cls(_unique(OneOrMore.decode(value)))
        table = msgspec.convert(value, _Table, dec_hook=lambda _, urls: OneOrMore.decode(urls))
        return cls(_unique(table.url), None if table.sha256 is None else read_sha256(table.sha256))

    @classmethod
    def check(cls, value: Any, place: Place, key: str) -> None:  # noqa: ANN401
        """Refuse other keys, and what is not a sha256; see `Variant.check`."""
        if not isinstance(value, dict):
            OneOrMore.check(value, place, key)
            return
        inner = place.child(key)
        if "url" not in value:
            inner.fail(None, "has no url", place.repair or 'add url = "https://…"')
        check(value, _Table, place, key)
        if value.get("sha256") is not None and (reason := _mistake(value["sha256"])):
            message, hint = reason
            inner.fail("sha256", message, place.repair or hint)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema; see `Variant.schema`."""
        urls = OneOrMore.schema()
        table = {
            "type": "object",
            "properties": {
                "url": {"description": "The URL, or several to try in order.", **urls},
                "sha256": {
                    "description": "The sha256 of the file: it is not read to lock it.",
                    "type": "string",
                    "pattern": _SCHEMA,
                },
            },
            "required": ["url"],
            "additionalProperties": False,
        }
        return {"anyOf": [*urls["anyOf"], table]}

    def plain(self) -> Any:  # noqa: ANN401 - one of several forms
        """Return the shortest form; see `Variant.plain`."""
        urls = self.urls.plain()
        return urls if self.sha256 is None else {"url": urls, "sha256": self.sha256}


def read_sha256(text: str) -> str:
    """Return the 64 hex digits of a sha256, in any of the forms in which tools print it.

    Raises:
        ValueError: it is something else.
    """
    plain = text.removeprefix("sha256:")
    if re.fullmatch(_HEX, plain):
        return plain.lower()
    if re.fullmatch(_NIX32, plain):
        return from_nix_base32(plain).hex()
    return sri_to_hex(f"sha256-{plain}" if re.fullmatch(_BASE64, plain) else text)


def _mistake(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a sha256, and what to write; None for nothing."""
    try:
        read_sha256(text)
    except ValueError:
        pass
    else:
        return None
    example = f"write 64 hexadecimal digits, as `sha256sum` prints them, or an SRI hash, {_WHERE}"
    plain = text.strip()
    if not plain:
        return "is empty", example
    if other := algorithm(plain):
        return f"is {other}", f"write the sha256, {_WHERE}"
    digits = (
        f", with {len(plain)} hexadecimal digits" if re.fullmatch("[0-9a-fA-F]+", plain) else ""
    )
    return f"is not a sha256{digits}", example


def algorithm(text: str) -> str | None:
    """Return which other checksum a text is, None if it is not known."""
    if found := re.match(r"(md5|sha1|sha384|sha512)[-:]", text):
        return f"{'an' if found[1] == 'md5' else 'a'} {found[1]}"
    return _CHECKSUMS.get(len(text)) if re.fullmatch("[0-9a-fA-F]+", text) else None


def _unique(urls: Iterable[str]) -> OneOrMore:
    return OneOrMore(dict.fromkeys(urls))
