"""models.toml: what a person wants, read into frozen dataclasses with every mistake named."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast, get_args

from aimodels_fetcher.filters import Filters
from aimodels_gen import sources
from aimodels_gen.errors import ManifestError
from aimodels_gen.lock.model import Integration, Layout, PinKind
from aimodels_gen.nix.store_path import is_repo_part
from aimodels_gen.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.sources.base import Source

# A model's name becomes a store name, which may hold these characters and no leading dot.
_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9+._?=-]*\Z")
_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\Z")


@dataclass(frozen=True)
class Entry:
    """One model of a manifest, with the defaults merged in.

    Attributes:
        pin: None where neither the model nor the defaults say.
        fallbacks: where the same files are, too, in the order in which to ask.
    """

    name: str
    source: Source
    filters: Filters
    pin: PinKind | None = None
    layout: Layout = "copy"
    integration: Integration = field(default_factory=Integration)
    fallbacks: tuple[Source, ...] = ()

    def digest(self) -> str:
        """Return the sha256, in hex, of what decides which files a pin holds.

        Neither layout, endpoint, integration nor fallbacks are part of it: changing them moves no
        pin.
        """
        include = self.filters.include
        facts = {
            **self.source.asked(),
            "include": None if include is None else sorted(include),
            "exclude": sorted(self.filters.exclude),
        }
        return _digest(facts)

    def fallbacks_digest(self) -> str | None:
        """Return the sha256, in hex, of which fallbacks there are; None for none."""
        return _digest([source.asked() for source in self.fallbacks]) if self.fallbacks else None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return all sources, in the order in which they are asked."""
        return (self.source, *self.fallbacks)


@dataclass(frozen=True)
class Manifest:
    """A whole models.toml.

    Attributes:
        file: its name without directories, for messages and the header of what is generated.
    """

    file: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class _Choices:
    """The keys that `[defaults]` and a model share."""

    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    pin: PinKind | None
    layout: Layout | None

    @classmethod
    def read(cls, table: Table) -> _Choices:
        include = table.strings("include")
        if include == ():
            hint = "leave include out to take every file, or name a pattern"
            table.fail("include", "is empty, so that no file would be taken", hint)
        return cls(
            include=include,
            exclude=table.strings("exclude"),
            pin=cast("PinKind | None", table.choice("pin", get_args(PinKind))),
            layout=cast("Layout | None", table.choice("layout", get_args(Layout))),
        )


def load(path: Path) -> Manifest:
    """Return the manifest in the file `path`.

    Raises:
        ManifestError: naming the file, the model, the key, the reason and the remedy.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "run `aimodels-gen init` to write one, or name the manifest"
        raise ManifestError(f"there is no {path}", hint) from None
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"{path}: byte {error.start} is not UTF-8", "save the file as UTF-8"
        ) from None
    return parse(text, path.name)


def parse(text: str, file: str = "models.toml") -> Manifest:
    """Return the manifest in `text`; `file` is its name in messages.

    Raises:
        ManifestError: see `load`.
    """
    root = Table(_toml(text, file), file)
    defaults_table = root.table("defaults")
    defaults = _Choices.read(defaults_table or Table({}, file))
    if defaults_table is not None:
        defaults_table.finish()
    models = root.table("models")
    root.finish()
    entries = models.tables() if models is not None else ()
    return Manifest(file, tuple(_entry(name, table, defaults) for name, table in entries))


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _toml(text: str, file: str) -> dict[str, Any]:
    # By name, because only one of the two exists on any one Python.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        data: dict[str, Any] = toml.loads(text)
    except toml.TOMLDecodeError as error:
        where = _AT.search(str(error))
        line, column = (where[1], where[2]) if where else (None, None)
        place = f"{file}:{line}:{column}" if line else f"{file}:{text.count(chr(10)) + 1}"
        reason = _AT.sub("", str(error))
        raise ManifestError(f"{place}: {reason}", "mend the TOML syntax there") from None
    return data


def _entry(name: str, table: Table, defaults: _Choices) -> Entry:
    if not _NAME.match(name):
        hint = "use letters, digits and + . _ ? = -, starting with a letter, a digit or _"
        table.fail(None, "is no name that the Nix store allows", hint)
    own = _Choices.read(table)
    if own.pin == "tree" and own.layout == "link":
        hint = 'remove layout, or write pin = "files"'
        table.fail("layout", 'is "link", which a tree pin cannot have', hint)
    exclude = own.exclude if own.exclude is not None else defaults.exclude
    source = _the_source(table)
    entry = Entry(
        name=name,
        source=source,
        filters=Filters(own.include or defaults.include, exclude or ()),
        pin=own.pin or defaults.pin,
        layout=own.layout or defaults.layout or "copy",
        integration=_integration(table, source),
        fallbacks=tuple(map(_source, table.list_of_tables("fallbacks"))),
    )
    table.finish()
    return entry


def _the_source(table: Table) -> Source:
    place = table.table("source")
    if place is None:
        table.fail(None, "has no source", f"add one, such as {_examples()}")
    return _source(place)


def _source(place: Table) -> Source:
    """Return the one source that a table names."""
    found = place.one_of(sources.names())
    if found is None:
        if not place.names():
            place.fail(None, "names no source", f"write one, such as {_examples()}")
        hint = "name one, and list those that have the same files as fallbacks = [{ ... }, ...]"
        place.fail(None, "names several sources", hint)
    name, inner = found
    source = sources.kind(name).from_toml(inner)
    inner.finish()
    return source


def _examples() -> str:
    return " or ".join(sources.kind(name).example for name in sources.names())


def _integration(table: Table, source: Source) -> Integration:
    integration = _given_integration(table)
    complete = integration.org is not None and integration.model is not None
    if integration.enable and not source.names_itself and not complete:
        hint = (
            'add integration.huggingface = { org = "my-org", model = "my-model" }, or '
            "{ enable = false } for the plain files"
        )
        table.fail(f"source.{source.kind}", "has no name of its own for the cache", hint)
    return integration


def _given_integration(table: Table) -> Integration:
    outer = table.table("integration")
    if outer is None:
        return Integration()
    inner = outer.table("huggingface")
    outer.finish()
    if inner is None:
        return Integration()
    names = {key: inner.string(key) for key in ("org", "model")}
    for key, value in names.items():
        if value is not None and not is_repo_part(value):
            hint = "use letters, digits, single - . and _, as in the name of a repository"
            inner.fail(key, f"is {value!r}, which no cache entry can be named after", hint)
    enable = inner.boolean("enable")
    inner.finish()
    return Integration(enable is not False, names["org"], names["model"])
