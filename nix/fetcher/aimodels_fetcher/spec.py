"""The JSON that says what to make: one dataclass a mode, and its reader.

Keys are spelled as in Nix, because the Nix library writes them with `builtins.toJSON`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.json_types import (
    flag,
    mapping,
    one_of,
    optional,
    path,
    record,
    size,
    text,
    texts,
)
from aimodels_fetcher.paths import check_path
from aimodels_fetcher.sources import sources_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aimodels_fetcher.json_types import Reader
    from aimodels_fetcher.sources.base import Source


@dataclass(frozen=True)
class _Spec:
    """What all modes have.

    Args:
        sources: Of the same content, in the order in which to ask them; at least one.
    """

    sources: tuple[Source, ...]

    @property
    def source(self) -> Source:
        """The one that messages and entries are named after."""
        return self.sources[0]


@dataclass(frozen=True)
class FileSpec(_Spec):
    """One file of a source, to be written flat to the output."""

    path: str
    hash: str
    size: int | None


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of a bundle, which is there under its sha256 in hex digits."""

    hash: str
    size: int | None = None


@dataclass(frozen=True)
class BundleSpec(_Spec):
    """Small files of a source, to be written to one directory, each content once."""

    files: dict[str, BundledFile]


@dataclass(frozen=True)
class TreeSpec(_Spec):
    """All files of a source that the patterns let through, to be fetched and laid out.

    Args:
        filters: The patterns.
        integration: Whether to lay out an entry of the cache; else plain files.
        hashes: Path -> SRI hash, of files whose content is known beforehand.
    """

    filters: Filters
    integration: bool
    hashes: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoreFile:
    """A file that is in the Nix store already.

    Args:
        store: Its path there.
        hash: Its SRI hash.
        size: Bytes, or None where the pin does not say.
        lfs: Whether git holds a pointer in its place.
        bundled: Whether Nix has checked the hash of the directory that it is in, not its own.
    """

    store: str
    hash: str
    size: int | None
    lfs: bool
    bundled: bool = False


@dataclass(frozen=True)
class AssembleSpec(_Spec):
    """Files that are in the Nix store, to be laid out by copying or linking."""

    files: dict[str, StoreFile]
    integration: bool
    link: bool


Spec = FileSpec | BundleSpec | TreeSpec | AssembleSpec


def read_spec(file: Path) -> Spec:
    """Read a spec from a JSON file.

    Raises:
        FetchError: The file cannot be read, or is not a spec.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number)
        return _parse(data)
    except OSError as error:
        raise FetchError(
            f"cannot read the spec {file}: {error.strerror}", "name the JSON file that Nix made"
        ) from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise FetchError(
            f"{file} is not a spec of this fetcher: {reason}",
            "take nix/ and its fetcher from one release",
        ) from error


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _parse(data: object) -> Spec:
    mode = data.get("mode") if isinstance(data, dict) else None
    read = _READERS.get(mode) if isinstance(mode, str) else None
    if read is None:
        raise ValueError(f"its mode is not {' or '.join(_READERS)}")
    return read(data)


def _file(data: object) -> FileSpec:
    values = _record(data, path=path, hash=_sri, size=optional(size))
    return FileSpec(**values)


def _bundle(data: object) -> BundleSpec:
    return BundleSpec(**_record(data, files=_bundled_files))


def _bundled_files(value: object, where: str) -> dict[str, BundledFile]:
    files = mapping(_bundled_file)(value, where)
    for name in files:
        check_path(name)
    return files


def _bundled_file(value: object, where: str) -> BundledFile:
    # Nix writes what the caller has: a size may be absent.
    given = {"size": None, **value} if isinstance(value, dict) else value
    return BundledFile(**record(given, where, hash=_sri, size=optional(size)))


def _tree(data: object) -> TreeSpec:
    # Nix does not write hashes.
    given = {"hashes": {}, **data} if isinstance(data, dict) else data
    values = _record(
        given, include=optional(texts), exclude=texts, integration=flag, hashes=mapping(_sri)
    )
    filters = Filters(values.pop("include"), values.pop("exclude"))
    return TreeSpec(filters=filters, **values)


def _assemble(data: object) -> AssembleSpec:
    given = {"bundle": {}, **data} if isinstance(data, dict) else data
    values = _record(
        given,
        files=mapping(_store_file),
        bundle=_store_bundle,
        integration=flag,
        layout=one_of("copy", "link"),
    )
    bundled = values.pop("bundle")
    for name in values["files"]:
        check_path(name)
        if name in bundled:
            raise ValueError(f"its files and its bundle both have {json.dumps(name)}")
    values["files"] |= bundled
    return AssembleSpec(link=values.pop("layout") == "link", **values)


def _store_bundle(value: object, where: str) -> dict[str, StoreFile]:
    """Read the bundle of an entry, which may have none, as the files that are in it."""
    if value == {}:
        return {}
    bundle = record(value, where, store=text, files=_bundled_files)
    return {
        path: StoreFile(
            store=f"{bundle['store']}/{sri_to_hex(file.hash)}",
            hash=file.hash,
            size=file.size,
            lfs=False,
            bundled=True,
        )
        for path, file in bundle["files"].items()
    }


def _store_file(value: object, where: str) -> StoreFile:
    given = {"size": None, "lfs": False, **value} if isinstance(value, dict) else value
    return StoreFile(**record(given, where, store=text, hash=_sri, size=optional(size), lfs=flag))


_READERS: dict[str, Callable[[object], Spec]] = {
    "file": _file,
    "bundle": _bundle,
    "tree": _tree,
    "assemble": _assemble,
}


def _record(data: object, **readers: Reader[Any]) -> dict[str, Any]:
    """Read the spec of a mode, with what all modes have."""
    values = record(data, "the spec", mode=text, sources=_sources, **readers)
    del values["mode"]
    return values


def _sources(value: object, where: str) -> tuple[Source, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is not a list")  # noqa: TRY004 (as all readers)
    return sources_from(value)


def _sri(value: object, where: str) -> str:
    """Read an SRI hash of a sha256.

    Raises:
        FetchError: It is not one.
    """
    sri = text(value, where)
    try:
        sri_to_hex(sri)
    except ValueError as error:
        raise FetchError(str(error), "write it as sha256-<44 base64 characters>") from error
    return sri
