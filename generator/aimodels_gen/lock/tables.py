"""models.lock as JSON: what each model looks like in it.

Version 2:

    { "version": 2,
      "models": { NAME: {
        "digest":      sha256 (hex) of what the manifest said about the files to take,
        "source":      { KIND: the attributes of `source` in Nix, with the exact revision, what is
                         compared when locking, and the ETags of files },
        "fallbacks":   [ the same ], "fallbacksDigest": as "digest"; absent for none,
        "include":     list, absent for everything; with the files that "quant" has chosen,
        "exclude":     list, absent for nothing,
        "layout":      "copy" or "link",
        "integration": { "enable", "org", "model" }, nulls left out,
        "views":       { "ollama", "lmstudio", "comfyui", "triton", "directory" } as in
                       `integration` of models.toml; absent for none,
        "card":        { "license", "gated", "library", "pipelineTag", "modified", "baseModels" },
                       what is not known left out,
        "gguf":        { PATH: { "architecture", "contextLength", "quant" } }, what is not known
                       left out,
        "files":       { PATH: { "hash": SRI, "size": bytes, "lfs": bool, "blobId": hex } },
        "bundle":      { "hash": SRI of the Nix archive, "files": { PATH: as in "files" } },
        "unbundled":   true for pins of version 1 that may get a bundle when they are updated,
        "tree":        { "hash": SRI, "count": files, "size": bytes },
        "integrity":   SRI of all of the above, as compact JSON with sorted keys
    } } }

There is either "tree", or "files" and "bundle", of which the empty one is left out. Version 1 has
neither "bundle" nor "unbundled". It is read, and its pins stay as they are until an update. A model
without "integrity" is read as well.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.paths import check_paths
from aimodels_gen import sources
from aimodels_gen.engines.gguf import Gguf
from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.engines.views import Views
from aimodels_gen.lock.model import (
    Bundle,
    FilePin,
    FilesPin,
    LockedModel,
    Pin,
    PinnedSource,
    TreePin,
)
from aimodels_gen.manifest.model import Layout
from aimodels_gen.sources.base import Card
from aimodels_gen.tables import KindTable, Place, Text, about, plain
from aimodels_gen.tables import read as read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from aimodels_gen.sources.base import Source


class ModelTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One model as the file has it."""

    digest: Annotated[Text, about("sha256 of what models.toml declared when it was locked.")]
    source: Annotated[KindTable | None, about("The source at its exact revision.")] = None
    fallbacks: Annotated[tuple[KindTable, ...], about("Sources with the same files.")] = ()
    fallbacks_digest: Annotated[str | None, about("As digest, of the fallbacks.")] = None
    include: Annotated[
        tuple[Text, ...] | None,
        about("As in models.toml, with the files that the source's quant has chosen."),
    ] = None
    exclude: Annotated[tuple[Text, ...], about("As in models.toml.")] = ()
    layout: Annotated[Layout, about("As in models.toml.")] = "copy"
    integration: Annotated[Integration, about("As integration.huggingface in models.toml.")] = (
        Integration()
    )
    views: Annotated[Views, about("As the rest of integration in models.toml.")] = Views()
    card: Annotated[Card, about("What the source says about the model.")] = Card()
    gguf: Annotated[
        dict[str, Gguf], about("What is known of GGUF files; of shards, of the first.")
    ] = {}
    files: Annotated[
        dict[str, FilePin] | None, about("The files pin: what has a store path of its own.")
    ] = None
    bundle: Annotated[
        Bundle | None, about("The files pin: small files, which share one store path.")
    ] = None
    unbundled: Annotated[
        bool, about("Whether the files pin is of version 1, and an update may make a bundle.")
    ] = False
    tree: Annotated[TreePin | None, about("The tree pin.")] = None
    integrity: Annotated[
        str | None, about("sha256 of the rest of the model: shows what was edited by hand.")
    ] = None


class LockTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Annotated[int, about("The version of this format.")]
    models: Annotated[dict[str, ModelTable], about("The models by their names.")]


@cache
def source_table(name: str) -> type[msgspec.Struct]:
    """Return a kind of source as the lock has it: camelCase, with what the pin remembers."""
    kind = sources.kind(name)
    declared = [
        (field.name, field.type, field.default)
        if field.default is not msgspec.NODEFAULT
        else (field.name, field.type)
        for field in msgspec.structs.fields(kind)
    ]
    remembered: list[tuple[str, Any, Any]] = [
        (name, dict[str, Text], {}) for name in kind.remembered
    ]
    return msgspec.defstruct(
        kind.__name__,
        [*declared, *remembered],
        rename="camel",
        forbid_unknown_fields=True,
        frozen=True,
    )


def to_json(model: LockedModel) -> dict[str, Any]:
    """Return a model as the file has it."""
    pin = model.pin
    files_pin = pin if isinstance(pin, FilesPin) else FilesPin({})
    table = ModelTable(
        digest=model.digest,
        source=_kind_table(model.source),
        fallbacks=tuple(map(_kind_table, model.fallbacks)),
        fallbacks_digest=model.fallbacks_digest,
        include=model.filters.include,
        exclude=model.filters.exclude,
        layout=model.layout,
        integration=model.integration,
        views=model.views,
        card=model.card,
        gguf=dict(model.gguf),
        files=dict(files_pin.files),
        bundle=files_pin.bundle,
        unbundled=files_pin.unbundled,
        tree=pin if isinstance(pin, TreePin) else None,
    )
    data = _without_nulls(msgspec.to_builtins(table, enc_hook=plain))
    data = {key: value for key, value in data.items() if value or key not in _LEFT_OUT}
    # What was edited by hand stays recognisable until it is locked again.
    return {**data, "integrity": model.edited or integrity(data)}


def integrity(data: Mapping[str, Any]) -> str:
    """Return the checksum of a model as the file has it, apart from its own."""
    digest = hashlib.sha256()
    rest = {key: value for key, value in data.items() if key != "integrity"}
    for part in _compact(rest, msgspec.json.Encoder(order="deterministic"), 2):
        digest.update(part)
    return hex_to_sri(digest.hexdigest())


def _compact(value: object, encoder: msgspec.json.Encoder, levels: int) -> Iterator[bytes]:
    """Yield the parts of compact JSON with sorted keys: as a whole it may be large."""
    if not isinstance(value, dict) or not _is_large(value, levels):
        yield encoder.encode(value)
        return
    start = b"{"
    for key in sorted(value):
        yield start + encoder.encode(key) + b":"
        yield from _compact(value[key], encoder, levels - 1)
        start = b","
    yield b"}" if value else b"{}"


def _is_large(value: object, levels: int) -> bool:
    """Return whether a table, or one of those in it, has many keys."""
    return isinstance(value, dict) and (
        len(value) >= _LARGE
        or (levels > 0 and any(_is_large(item, levels - 1) for item in value.values()))
    )


_LARGE = 100  # keys
_LEFT_OUT = {"exclude", "fallbacks", "files", "gguf", "unbundled", "views"}  # where they are empty


def _kind_table(pinned: PinnedSource) -> KindTable:
    source = pinned.source
    remembered = {name: dict(getattr(pinned, name)) for name in source.remembered}
    present = {name: value for name, value in remembered.items() if value}
    return KindTable({source.kind: {**source.to_lock(), **present}})


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """Return a table of JSON from which nulls have been removed, in place: it may be large."""
    if None in value.values():
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
    for item in value.values():
        if isinstance(item, dict):
            _without_nulls(item)
    return value


def model_from(name: str, table: ModelTable, place: Place, data: Mapping[str, Any]) -> LockedModel:
    """Return the model of a table, which is at `place`, and was read from `data`.

    Raises:
        LockError: it contradicts itself, or has what this version does not know.
    """
    return LockedModel(
        name=name,
        source=_source(table.source, place.child("source")),
        fallbacks=tuple(
            _source(fallback, place.child("fallbacks", number))
            for number, fallback in enumerate(table.fallbacks, 1)
        ),
        filters=Filters(table.include, table.exclude),
        pin=_pin(table, place),
        digest=table.digest,
        fallbacks_digest=table.fallbacks_digest,
        layout=table.layout,
        integration=table.integration,
        views=table.views,
        card=table.card,
        gguf=table.gguf,
        edited=None if table.integrity in {None, integrity(data)} else table.integrity,
    )


def _source(table: KindTable | None, place: Place) -> PinnedSource:
    if table is None or len(table) != 1 or not table.keys() <= set(sources.names()):
        hint = f"upgrade aimodels-gen, or {place.repair}"
        place.fail(None, "is not a source that this version knows", hint)
    ((name, data),) = table.items()
    inner = place.child(name)
    fields = msgspec.structs.asdict(read_table(data, source_table(name), inner))
    kind = sources.kind(name)
    remembered = {name: fields.pop(name) for name in kind.remembered}
    source: Source = kind(**fields)
    source.check_pin(inner)
    return PinnedSource(source, **remembered)


def _pin(table: ModelTable, place: Place) -> Pin:
    files, bundle = table.files, table.bundle
    if table.tree is not None and files is None and bundle is None:
        return table.tree
    if table.tree is not None or (files is None and bundle is None):
        return place.fail(None, "must have either tree, or files and bundle")
    pin = FilesPin(files or {}, bundle, table.unbundled)
    _check_paths(pin.files, place, "files")
    if bundle is not None:
        if not bundle.files:
            place.child("bundle").fail("files", "is empty")
        _check_paths(pin.all_files, place.child("bundle"), "files")
        if twice := bundle.files.keys() & pin.files.keys():
            place.fail("bundle", f"has {min(twice)!r}, which is in files, too")
    return pin


def _check_paths(paths: Collection[str], place: Place, key: str) -> None:
    try:
        check_paths(paths)
    except FetchError as error:
        place.fail(key, f"is wrong: {error.message}")
