"""models.lock: the pins, as JSON with sorted keys and one fact a line.

Version 2:

    { "version": 2,
      "models": { NAME: {
        "digest":      sha256 (hex) of what the manifest said about the files to take,
        "source":      { KIND: the attributes of `source` in Nix, with the exact revision, what is
                         compared when locking, and the ETags of files },
        "fallbacks":   [ the same ], "fallbacksDigest": as "digest"; absent for none,
        "include":     list, absent for everything;  "exclude": list, absent for nothing,
        "layout":      "copy" or "link",
        "integration": { "enable", "org", "model" }, nulls left out,
        "card":        { "license", "gated", "library", "pipelineTag" }, nulls left out,
        "files":       { PATH: { "hash": SRI, "size": bytes, "lfs": bool, "blobId": hex } },
        "bundle":      { "hash": SRI of the Nix archive, "files": { PATH: as in "files" } },
        "unbundled":   true for pins of version 1 that may get a bundle when they are updated,
        "tree":        { "hash": SRI, "count": files, "size": bytes }
    } } }

There is either "tree", or "files" and "bundle", of which the empty one is left out. Version 1 has
neither "bundle" nor "unbundled". It is read, and its pins stay as they are until an update.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.paths import check_paths
from aimodels_fetcher.redaction import holds_secret
from aimodels_gen import documents, sources
from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.errors import LockError
from aimodels_gen.lock.model import (
    Bundle,
    FilePin,
    FilesPin,
    Lock,
    LockedModel,
    Pin,
    PinnedSource,
    TreePin,
)
from aimodels_gen.manifest.model import Layout
from aimodels_gen.sources.base import Card
from aimodels_gen.tables import KindTable, Place, Text, about
from aimodels_gen.tables import read as read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from aimodels_gen.sources.base import Source

VERSION = 2
_OLDEST = 1  # that is read
_VERSIONS = 1000  # that there may ever be
_MOST = 512 << 20  # bytes; a million files take half of that
_BATCH = 50_000  # texts that are searched for secrets together


class ModelTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One model as the file has it."""

    digest: Annotated[Text, about("sha256 of what models.toml declared when it was locked.")]
    source: Annotated[KindTable | None, about("The source at its exact revision.")] = None
    fallbacks: Annotated[tuple[KindTable, ...], about("Sources with the same files.")] = ()
    fallbacks_digest: Annotated[str | None, about("As digest, of the fallbacks.")] = None
    include: Annotated[tuple[Text, ...] | None, about("As in models.toml.")] = None
    exclude: Annotated[tuple[Text, ...], about("As in models.toml.")] = ()
    layout: Annotated[Layout, about("As in models.toml.")] = "copy"
    integration: Annotated[Integration, about("As in models.toml.")] = Integration()
    card: Annotated[Card, about("What the source says about the model.")] = Card()
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


class LockTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Annotated[int, about("The version of this format.")]
    models: Annotated[dict[str, ModelTable], about("The models by their names.")]


def path_for(manifest: Path) -> Path:
    """Return where the lock of a manifest is: `X.toml` → `X.lock`, in the same directory.

    A manifest that is a symlink keeps its lock next to the symlink: that is the directory the
    reader works in.
    """
    if manifest.suffix == ".toml":
        return manifest.with_suffix(".lock")
    return manifest.with_name(manifest.name + ".lock")


def read(path: Path) -> Lock | None:
    """Return the lock in `path`, None if there is none.

    Raises:
        LockError: it is corrupt, or of a version that this program does not know.
        OSError: it cannot be read.
    """
    content = text(path)
    return None if content is None else parse(content, path)


def text(path: Path) -> str | None:
    """Return the text in `path`, None if there is none; see `read`."""
    return documents.read(path, _MOST, LockError, _repair(path))


def parse(content: str, path: Path) -> Lock:
    """Return the lock in a text, which comes from `path`.

    Raises:
        LockError: see `read`.
    """
    try:
        data = json.loads(content, object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        if re.search(r"^<{7} ", content, re.MULTILINE):
            ours = f"git checkout --ours {shlex.quote(str(path))}"
            hint = f"keep one side, such as with `{ours}`, and run {_command(path)}"
            raise LockError(f"{path} has a merge conflict", hint) from None
        raise LockError(f"{path} is not JSON: {_one_line(error)}", _repair(path)) from None
    if "\\u" in content:
        for place in documents.unstorable(data, _place(path)):
            place.fail(None, "contains text that a file name cannot contain")
    if not isinstance(data, dict) or not _is_version(data.get("version")):
        raise LockError(f"{path} is not a lock file of aimodels-gen", _repair(path))
    if not _OLDEST <= data["version"] <= VERSION:
        raise LockError(
            f"{path} has version {data['version']}, this version of aimodels-gen knows {VERSION}",
            f"upgrade aimodels-gen, or delete the lock and run {_command(path)}",
        )
    place = _place(path)
    models = read_table(data, LockTable, place).models
    place = place.child("models")
    lock = Lock({name: _model(name, table, place.child(name)) for name, table in models.items()})
    return lock if data["version"] == VERSION else _upgraded(lock)


def _upgraded(lock: Lock) -> Lock:
    """Return a lock of version 1 as this version has it."""
    return Lock(
        {
            name: replace(model, pin=FilesPin.of_version_1(model.pin.files))
            if isinstance(model.pin, FilesPin) and not model.pin.bundle
            else model
            for name, model in lock.models.items()
        }
    )


def existing(path: Path, manifest: Path) -> Lock:
    """Return the lock in `path`, which is there and may be rendered and built as it is.

    Raises:
        LockError: as `read`; or it is not there, or was made before a rule about addresses.
        OSError: it cannot be read.
    """
    lock = read(path)
    if lock is None and not manifest.exists():
        hint = "run `aimodels-gen init` to write a manifest, or name the one that is there"
        raise LockError(f"there is no {path}, and no {manifest}", hint)
    if lock is None:
        command = f"aimodels-gen lock {shlex.quote(str(manifest))}"
        raise LockError(f"there is no {path}", f"run `{command}` first")
    models = _place(path).child("models")
    for name, model in lock.models.items():
        place = models.child(name)
        first, *others = (pinned.source for pinned in model.sources)
        first.check_addresses(place.child("source").child(first.kind))
        for number, source in enumerate(others, 1):
            source.check_addresses(place.child("fallbacks", number).child(source.kind))
    return lock


def check_secrets(lock: Lock) -> None:
    """Refuse a lock with a secret that this process knows: a server has repeated what it was sent.

    Raises:
        LockError: naming where.
    """
    for name, model in lock.models.items():
        for texts in _in_batches(_texts(_to_json(model))):
            # Together, because there may be a million.
            if not holds_secret("\n".join(text for text, _ in texts)):
                continue
            where = next((".".join(keys) for text, keys in texts if holds_secret(text)), "a key")
            raise LockError(
                f"{name}: {where} would hold your token or password, which the server has repeated",
                "do not trust this server: remove its address from models.toml or the environment, "
                "and replace the token",
            )


_Text = tuple[str, tuple[str, ...]]


def _in_batches(texts: Iterator[_Text]) -> Iterator[list[_Text]]:
    while batch := list(islice(texts, _BATCH)):
        yield batch


def _texts(value: Any, keys: tuple[str, ...] = ()) -> Iterator[_Text]:  # noqa: ANN401 - JSON
    """Yield every text in a model, keys among them, and the keys that lead to it."""
    if isinstance(value, str):
        yield value, keys
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, keys)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name, keys
            yield from _texts(item, (*keys, name))


def dumps(lock: Lock) -> str:
    """Return the lock's text."""
    data = {
        "version": VERSION,
        "models": {name: _to_json(model) for name, model in lock.models.items()},
    }
    # As json.dumps writes it, in a tenth of the memory.
    compact = msgspec.json.Encoder(order="deterministic").encode(data)
    return msgspec.json.format(compact, indent=2).decode() + "\n"


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


def _to_json(model: LockedModel) -> dict[str, Any]:
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
        card=model.card,
        files=dict(files_pin.files),
        bundle=files_pin.bundle,
        unbundled=files_pin.unbundled,
        tree=pin if isinstance(pin, TreePin) else None,
    )
    data: dict[str, Any] = _without_nulls(msgspec.to_builtins(table))
    return {key: value for key, value in data.items() if value or key not in _LEFT_OUT}


_LEFT_OUT = {"exclude", "fallbacks", "files", "unbundled"}  # where they are empty


def _kind_table(pinned: PinnedSource) -> KindTable:
    source = pinned.source
    remembered = {name: dict(getattr(pinned, name)) for name in source.remembered}
    present = {name: value for name, value in remembered.items() if value}
    return KindTable({source.kind: {**source.to_lock(), **present}})


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return JSON from which nulls have been removed, in place: it may be large."""
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
        for item in value.values():
            _without_nulls(item)
    return value


def _model(name: str, table: ModelTable, place: Place) -> LockedModel:
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
        card=table.card,
    )


def _is_version(value: object) -> bool:
    return type(value) is int and 0 < value < _VERSIONS


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} is there twice")
    return data


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")


def _one_line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).partition(";")[0]  # after it Python says how to raise a limit of its own


def _place(path: Path) -> Place:
    return Place(path.name, error=LockError, repair=_repair(path))


def _repair(path: Path) -> str:
    return f"restore it from version control, or delete it and run {_command(path)}"


def _command(path: Path) -> str:
    """Return the command that makes the lock in `path` anew."""
    manifest = path.with_suffix(".toml")
    arguments = () if str(manifest) == "models.toml" else ("-m", str(manifest))
    return f"`{shlex.join(['aimodels-gen', 'lock', *arguments])}`"


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
