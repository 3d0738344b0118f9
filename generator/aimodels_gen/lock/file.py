"""models.lock: the pins, as JSON with sorted keys and one fact a line.

Version 1:

    { "version": 1,
      "models": { NAME: {
        "digest":      sha256 (hex) of what the manifest said about the files to take,
        "source":      { KIND: the attributes of `source` in Nix, with the exact revision, and
                         what only we need to know again },
        "fallbacks":   [ likewise ], "fallbacksDigest": as "digest"; absent for none,
        "include":     list, absent for everything;  "exclude": list, absent for nothing,
        "layout":      "copy" or "link",
        "integration": { "enable", "org", "model" }, nulls left out,
        "card":        { "license", "gated", "library", "pipelineTag" }, nulls left out,
        "files":       { PATH: { "hash": SRI, "size": bytes, "lfs": bool, "blobId": hex } },
        "tree":        { "hash": SRI, "count": files, "size": bytes }  (this or "files")
    } } }
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, get_args

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.filters import Filters
from aimodels_gen import sources
from aimodels_gen.atomic import write_atomic
from aimodels_gen.errors import LockError
from aimodels_gen.lock.model import (
    Card,
    FilePin,
    FilesPin,
    Integration,
    Layout,
    LockedModel,
    Pin,
    TreePin,
)
from aimodels_gen.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aimodels_gen.sources.base import Source

VERSION = 1
_UNKNOWN = "is no source that we know"
_RESTORE = "restore it from version control, or delete it and lock again"


@dataclass(frozen=True)
class Lock:
    """Every pin, by the model's name."""

    models: Mapping[str, LockedModel] = field(default_factory=dict)


def path_for(manifest: Path) -> Path:
    """Return where the lock of a manifest stands: `X.toml` → `X.lock`, beside it.

    A manifest that is a symlink keeps its lock beside the symlink: that is the directory the
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
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        data = json.loads(content)
    except ValueError as error:
        raise LockError(f"{path} is not JSON: {error}", _RESTORE) from None
    if not isinstance(data, dict) or type(data.get("version")) is not int:
        raise LockError(f"{path} is no lock of aimodels-gen", _RESTORE)
    if data["version"] != VERSION:
        hint = "upgrade aimodels-gen, or delete the lock and lock again"
        raise LockError(f"{path} has version {data['version']}, we know {VERSION}", hint)
    root = Table(data, path.name, error=LockError)
    root.integer("version")
    models = root.table("models") or root.fail("models", "is missing", _RESTORE)
    root.finish()
    return Lock({name: _model(name, table) for name, table in models.tables()})


def write(path: Path, lock: Lock) -> bool:
    """Write the lock atomically; return whether its bytes changed.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    return write_atomic(path, dumps(lock).encode("utf-8"))


def dumps(lock: Lock) -> str:
    """Return the lock's text."""
    data = {
        "version": VERSION,
        "models": {name: _to_json(model) for name, model in lock.models.items()},
    }
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _to_json(model: LockedModel) -> dict[str, Any]:
    card, integration, pin = model.card, model.integration, model.pin
    data: dict[str, Any] = {
        "digest": model.digest,
        "fallbacksDigest": model.fallbacks_digest,
        "source": {model.source.kind: model.source.to_lock()},
        "fallbacks": [{source.kind: source.to_lock()} for source in model.fallbacks] or None,
        "include": model.filters.include,
        "exclude": model.filters.exclude or None,
        "layout": model.layout,
        "integration": _without_nulls(
            {
                "enable": integration.enable,
                "org": integration.org,
                "model": integration.model,
            }
        ),
        "card": _without_nulls(
            {
                "license": card.license,
                "gated": card.gated,
                "library": card.library,
                "pipelineTag": card.pipeline_tag,
            }
        ),
    }
    if isinstance(pin, TreePin):
        data["tree"] = {"hash": pin.hash, "count": pin.count, "size": pin.size}
    else:
        data["files"] = {path: _file_to_json(file) for path, file in pin.files.items()}
    return _without_nulls(data)


def _file_to_json(file: FilePin) -> dict[str, Any]:
    return _without_nulls(
        {"hash": file.hash, "size": file.size, "lfs": file.lfs, "blobId": file.blob_id}
    )


def _without_nulls(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}


def _model(name: str, table: Table) -> LockedModel:
    model = LockedModel(
        name=name,
        source=_source(table.table("source") or table.fail("source", _UNKNOWN, _RESTORE)),
        fallbacks=tuple(map(_source, table.list_of_tables("fallbacks"))),
        filters=Filters(table.strings("include"), table.strings("exclude") or ()),
        pin=_pin(table),
        digest=table.string("digest") or table.fail("digest", "is missing", _RESTORE),
        fallbacks_digest=table.string("fallbacksDigest"),
        layout=cast("Layout", table.choice("layout", get_args(Layout)) or "copy"),
        integration=_integration(table.table("integration")),
        card=_card(table.table("card")),
    )
    table.finish()
    return model


def _source(table: Table) -> Source:
    found = list(table.tables())
    if len(found) != 1 or found[0][0] not in sources.names():
        table.fail(None, _UNKNOWN, f"upgrade aimodels-gen, or {_RESTORE}")
    name, inner = found[0]
    source = sources.kind(name).from_lock(inner)
    inner.finish()
    return source


def _pin(table: Table) -> Pin:
    files, tree = table.table("files"), table.table("tree")
    if tree is not None and files is None:
        pin = TreePin(_sri(tree), tree.integer("count") or 0, tree.integer("size") or 0)
        tree.finish()
        return pin
    if files is not None and tree is None:
        return FilesPin({path: _file(inner) for path, inner in files.tables()})
    return table.fail(None, "has not exactly one of files and tree", _RESTORE)


def _file(table: Table) -> FilePin:
    size = table.integer("size")
    if size is None:
        table.fail("size", "is missing", _RESTORE)
    file = FilePin(_sri(table), size, table.boolean("lfs") or False, table.string("blobId"))
    table.finish()
    return file


def _sri(table: Table) -> str:
    value = table.string("hash") or ""
    try:
        sri_to_hex(value)
    except ValueError as error:
        table.fail("hash", f"is wrong: {error}", _RESTORE)
    return value


def _integration(table: Table | None) -> Integration:
    if table is None:
        return Integration()
    integration = Integration(
        enable=table.boolean("enable") is not False,
        org=table.string("org"),
        model=table.string("model"),
    )
    table.finish()
    return integration


def _card(table: Table | None) -> Card:
    if table is None:
        return Card()
    card = Card(
        license=table.string("license"),
        gated=table.string("gated"),
        library=table.string("library"),
        pipeline_tag=table.string("pipelineTag"),
    )
    table.finish()
    return card
