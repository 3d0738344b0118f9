"""Reading a models.toml into `model.Manifest`, with every mistake named."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.filters import Filters
from aimodels_gen import documents, sources
from aimodels_gen.engines.huggingface import Integration, is_repo_part
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest import integrations
from aimodels_gen.manifest.model import (
    DefaultsTable,
    Entry,
    Manifest,
    ManifestTable,
)
from aimodels_gen.manifest.names import refusal
from aimodels_gen.manifest.output import outputs
from aimodels_gen.tables import KindTable, Place, check_keys, read

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.manifest.model import ModelTable
    from aimodels_gen.manifest.output import Output
    from aimodels_gen.sources.base import Source

_MOST = 16 << 20  # bytes
_SAVE = "save it as UTF-8 in a file such as models.toml: models.lock is written next to it"
_KEY = re.compile(r"\('[^()]*\)")  # a path of keys as a tuple of Python
_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def load(path: Path) -> Manifest:
    """Return the manifest in the file `path`.

    Raises:
        ManifestError: naming the file, the model, the key, the reason and the remedy.
        OSError: the file cannot be read.
    """
    return parse(read_text(path), shown_name(path))


def read_text(path: Path, *, keep_mark: bool = False) -> str:
    """Return the text of the manifest in the file `path`; see `documents.read`.

    Raises:
        ManifestError: it is not there, or is not a text.
        OSError: the file cannot be read.
    """
    text = documents.read(path, _MOST, ManifestError, _SAVE, keep_mark=keep_mark)
    if text is None:
        hint = "run `aimodels-gen init` to write one, or name the manifest"
        raise ManifestError(f"there is no {path}", hint)
    return text


def shown_name(path: Path) -> str:
    """Return the name of a manifest, for messages and for what is rendered."""
    return path.name.encode("utf-8", "replace").decode()


def parse(text: str, file: str = "models.toml") -> Manifest:
    """Return the manifest in `text`; `file` is its name in messages.

    Raises:
        ManifestError: see `load`.
        InvalidManifestError: several models are wrong.
    """
    data = read_toml(text, file)
    try:
        return replace(_manifest(data, file), text=text, tables=data.get("models", {}))
    except ManifestError as error:
        from aimodels_gen.manifest.diagnosis import diagnosed  # noqa: PLC0415 - only now needed

        raise diagnosed(error, data, text, lambda part: _manifest(part, file)) from None


def _manifest(data: dict[str, Any], file: str) -> Manifest:
    root = Place(file)
    integrations.check_defaults(data, root.child("defaults"))
    tables = read(data, ManifestTable, root)
    defaults = tables.defaults or DefaultsTable()
    _check_filters(defaults, root.child("defaults"))
    integrations.check_shared(defaults, root.child("defaults"))
    models = root.child("models")
    entries = tuple(
        _entry(name, table, data, defaults, models.child(name))
        for name, table in tables.models.items()
    )
    for place in documents.unstorable(data, root):
        place.fail(None, "has a NUL", "remove it: file names cannot contain it")
    return Manifest(file, entries, outputs(tables.output, root))


def load_outputs(path: Path) -> tuple[Output, ...]:
    """Return the outputs of a manifest, whose models may be wrong; none where there is none.

    Raises:
        ManifestError: it is not TOML, or its outputs are wrong.
        OSError: the file cannot be read.
    """
    text = documents.read(path, _MOST, ManifestError, _SAVE)
    data = read_toml(text or "", path.name)
    known = {key: value for key, value in data.items() if key == "output"}
    root = Place(path.name)
    return outputs(read(known, ManifestTable, root).output, root)


def read_toml(text: str, file: str) -> dict[str, Any]:
    """Return the tables of a text, which may be anything but a manifest.

    Raises:
        ManifestError: it is not TOML.
    """
    # By name, because only one of the two exists on any one Python.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        data: dict[str, Any] = toml.loads(text)
    except toml.TOMLDecodeError as error:
        number = _line(error) or text.count("\n") + 1
        where = _AT.search(str(error))
        column = f":{where[2]}" if where and where[2] else ""
        reason = _KEY.sub(lambda key: ".".join(re.findall("'([^']*)'", key[0])), str(error))
        from aimodels_gen.manifest.syntax import remedy  # noqa: PLC0415 - only now needed

        hint = remedy(text, number, reason, lambda other: _first_error(other, toml))
        message = f"{file}:{number}{column}: {_AT.sub('', reason)}"
        raise ManifestError(message, hint) from None
    except (ValueError, RecursionError):
        # tomllib passes on what int() and datetime say, and how deep Python can go.
        raise ManifestError(
            f"{file}: a number has too many digits, or something is nested too deeply",
            "use a number with fewer digits, or fewer levels of tables and lists",
        ) from None
    return data


def _first_error(text: str, toml: Any) -> int | None:  # noqa: ANN401 - a module
    """Return the number of the line where a text is not TOML; None if it is."""
    try:
        toml.loads(text)
    except toml.TOMLDecodeError as error:
        return _line(error) or text.count("\n") + 1
    except (ValueError, RecursionError):
        return 1
    return None


def _line(error: Exception) -> int | None:
    where = _AT.search(str(error))
    return int(where[1]) if where and where[1] else None


def _entry(
    name: str, table: ModelTable, data: dict[str, Any], defaults: DefaultsTable, place: Place
) -> Entry:
    if refused := refusal(name):
        place.fail(None, *refused)
    _check_filters(table, place)
    if table.pin == "tree" and table.layout == "link":
        hint = 'remove layout, or write pin = "files"'
        place.fail("layout", 'is "link", which a tree pin cannot have', hint)
    exclude = table.exclude if table.exclude is not None else defaults.exclude
    source = _source(table.source, place.child("source"))
    integration = integrations.merged(data, name, place)
    entry = Entry(
        name=name,
        source=source,
        filters=Filters(table.include or defaults.include, exclude or ()),
        pin=table.pin or defaults.pin,
        layout=table.layout or defaults.layout or "copy",
        integration=_integration(integration.huggingface, source, place),
        views=integrations.views(integration),
        fallbacks=tuple(
            _source(fallback, place.child("fallbacks", number), is_fallback=True)
            for number, fallback in enumerate(table.fallbacks, 1)
        ),
        chooses_layout=(table.layout or defaults.layout) is not None,
    )
    entry.views.check(entry.names, place.child("integration"))
    return entry


def _check_filters(table: DefaultsTable, place: Place) -> None:
    if table.include == ():
        hint = "leave include out to take every file, or name a pattern"
        place.fail("include", "is empty: it would select no file", hint)


def _source(table: KindTable, place: Place, *, is_fallback: bool = False) -> Source:
    """Return the one source that a table names."""
    check_keys(table, sources.names(), place)
    if not table:
        examples = " or ".join(sources.kind(name).example for name in sources.names())
        place.fail(None, "names no source", f"write one, such as {examples}")
    if len(table) > 1:
        hint = "name one, and list those that have the same files as fallbacks = [{ ... }, ...]"
        place.fail(None, "names several sources", hint)
    ((name, declared),) = table.items()
    inner = place.child(name)
    source = read(declared, sources.kind(name), inner).checked(inner, declared)
    if is_fallback and source.choice:
        hint = f'write repo = "{source.label}" there, without a quantisation'
        inner.fail("quant", "is set, but a fallback has the files that the source has", hint)
    return source


def _integration(given: Integration | None, source: Source, place: Place) -> Integration:
    integration = given or Integration()
    for key in ("org", "model"):
        value = getattr(integration, key)
        if value is not None and not is_repo_part(value):
            hint = "use letters, digits, single - . and _, as in the name of a repository"
            reason = f"is {value!r}, which cannot be the name of a cache entry"
            place.child("integration").child("huggingface").fail(key, reason, hint)
    complete = integration.org is not None and integration.model is not None
    if integration.enable and not source.has_repo_id and not complete:
        hint = (
            'add integration.huggingface = { org = "my-org", model = "my-model" }, or '
            "{ enable = false } for the plain files"
        )
        reason = "has no name of its own for the cache"
        place.child("source").fail(source.kind, reason, hint)
    return integration
