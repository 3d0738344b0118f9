"""Files with lines of checksums, as sha256sum and others write them."""

from __future__ import annotations

import codecs
import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from aimodels_fetcher.digests import BEGINNING, hex_to_sri
from aimodels_fetcher.urls import public
from aimodels_gen.errors import SourceError
from aimodels_gen.net.contents import mistaken
from aimodels_gen.sources.url.failures import basename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Line = tuple[str, str]

# sha256sum's lines (coreutils' manual, "md5sum invocation"): digest, space, a space or a star,
# name; a backslash before all that says that the name has escapes. Some write only one space.
_GNU = re.compile(r"(\\?)(?:sha256:)?([0-9a-f]{32,128})(?: [ *]|[ \t]+\*?)(.+)", re.IGNORECASE)
# Those of `sha256sum --tag`, of the BSDs and of openssl.
_TAGGED = re.compile(
    r"(\\?)(?:SHA2?-?(?:1|224|256|384|512)|MD5|BLAKE2b) ?\((.+)\) ?= ?([0-9a-f]{32,128})",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?:sha256:)?([0-9a-f]{32,128})", re.IGNORECASE)
_OURS = re.compile(r"\\?SHA2?-?256\b", re.IGNORECASE)  # of the tagged ones
_ALGORITHMS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\[nr\\]")


@dataclass(frozen=True)
class SumsFile:
    """What a file with checksums says.

    Attributes:
        url: where it is.
        lines: the names, as paths without `./`, each with its sha256 in hex.
        others: the algorithms of lines that have another checksum.
    """

    url: str
    lines: Sequence[Line]
    others: frozenset[str] = frozenset()

    def find(self, path: str, urls: Iterable[str]) -> str | None:
        """Return the sha256 in hex of a file; None where no line is about it.

        It is looked up by its URL relative to this file, by the names that it has there and in the
        model, and, if there is only one such line, by its name in any directory.

        Raises:
            SourceError: lines about it contradict each other.
        """
        names = [*(_relative(url, self.url) for url in urls), *map(basename, urls)]
        names += [path, posixpath.basename(path)]
        by_name, by_basename = self._by_name
        for name in names:
            if found := by_name.get(name):
                return self._only(path, found)
        for name in names:
            if found := by_basename.get(posixpath.basename(name)):
                return self._only(path, found)
        return None

    def check_about(self, files: Mapping[str, Iterable[str]]) -> None:
        """Refuse it if it is about none of these files.

        Args:
            files: paths and URLs.

        Raises:
            SourceError: it is.
        """
        if any(self.find(path, urls) for path, urls in files.items()):
            return
        if self.others and not self.lines:
            others = " and ".join(sorted(self.others))
            raise SourceError(
                f"{public(self.url)} has checksums of {others}, and none of sha256",
                "name a file that has lines such as sha256sum writes, often called SHA256SUMS",
            )
        raise SourceError(
            f"{public(self.url)} has a checksum of none of {', '.join(map(repr, files))}",
            "name the file that has lines such as sha256sum writes for them",
        )

    @cached_property
    def _by_name(self) -> tuple[Mapping[str, Sequence[Line]], Mapping[str, Sequence[Line]]]:
        """The lines by their names, and by the last parts of these."""
        by_name: defaultdict[str, list[Line]] = defaultdict(list)
        by_basename: defaultdict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            by_name[line[0]].append(line)
            by_basename[posixpath.basename(line[0])].append(line)
        return by_name, by_basename

    def _only(self, path: str, found: Iterable[Line]) -> str:
        digests = {digest: name for name, digest in found}
        if len(digests) > 1:
            each = ", ".join(
                f"{hex_to_sri(digest)} for {name!r}" for digest, name in sorted(digests.items())
            )
            raise SourceError(
                f"{public(self.url)} has different checksums for {path!r}: {each}",
                "report it to its owner, or use a file of checksums that has one line for it",
            )
        return next(iter(digests))


def find(sums: Iterable[SumsFile], path: str, urls: Iterable[str]) -> str | None:
    """Return the sha256 in hex that files of checksums have for a file; None where none has it.

    Raises:
        SourceError: they contradict each other.
    """
    found = {one.url: digest for one in sums if (digest := one.find(path, urls))}
    if len(set(found.values())) > 1:
        each = ", ".join(f"{public(url)} has {hex_to_sri(one)}" for url, one in found.items())
        raise SourceError(
            f"{path!r} is not the same everywhere: {each}",
            "name the files of checksums of one release",
        )
    return next(iter(found.values()), None)


def read(body: bytes, url: str) -> SumsFile:
    """Return what a file of checksums says.

    A file with nothing but one digest, called `NAME.sha256`, is about NAME.

    Raises:
        SourceError: it is a web page, or something else in the place of the file.
    """
    if wrong := mistaken("", body[:BEGINNING]):
        raise SourceError(
            f"{public(url)} is {wrong}",
            "name the address that the file of checksums itself has",
        )
    # Windows' PowerShell writes UTF-16.
    marked = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = body.decode("utf-16" if marked else "utf-8-sig", "replace")
    lines = [line for line in (line.strip() for line in text.split("\n")) if line]
    found = list(_lines(lines, basename(url).rpartition(".")[0]))
    ours = [(name, digest) for name, algorithm, digest in found if algorithm == "sha256"]
    others = frozenset(algorithm for _, algorithm, _ in found if algorithm != "sha256")
    return SumsFile(url, ours, others)


def _lines(lines: Sequence[str], about: str) -> Iterator[tuple[str, str, str]]:
    """Return name, algorithm and digest of each line that has a digest."""
    for line in lines:
        if match := _TAGGED.fullmatch(line):
            escaped, name, digest = match.groups()
        elif match := _GNU.fullmatch(line):
            escaped, digest, name = match.groups()
        elif len(lines) == 1 and (match := _BARE.fullmatch(line)):
            escaped, digest, name = "", match[1], about
        else:
            continue
        algorithm = _ALGORITHMS.get(len(digest))
        if algorithm == "sha256" and _TAGGED.fullmatch(line) and not _OURS.match(line):
            algorithm = "blake2b"  # another one of as many digits
        if algorithm:
            yield _path(name, escaped=bool(escaped)), algorithm, digest.lower()


def _path(name: str, *, escaped: bool) -> str:
    if escaped:
        name = _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], name)
    else:
        name = name.replace("\\", "/")  # of Windows: sha256sum escapes it
    return posixpath.normpath(name)


def _relative(url: str, sums: str) -> str:
    """Return the path of a URL below the directory of a file of checksums, or an empty string."""
    directory = urljoin(sums, ".")
    one, other = urlsplit(url), urlsplit(directory)
    if one.netloc != other.netloc or not one.path.startswith(other.path):
        return ""
    return unquote(one.path[len(other.path) :])
