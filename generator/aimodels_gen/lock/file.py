"""models.lock: where it is, reading it, its versions, and its text."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from aimodels_fetcher.redaction import holds_secret
from aimodels_gen import documents
from aimodels_gen.errors import LockError
from aimodels_gen.lock.model import FilesPin, Lock
from aimodels_gen.lock.tables import LockTable, model_from, to_json
from aimodels_gen.tables import Place
from aimodels_gen.tables import read as read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 2
_OLDEST = 1  # that is read
_VERSIONS = 1000  # that there may ever be
_MOST = 512 << 20  # bytes; a million files take half of that
_BATCH = 50_000  # texts that are searched for secrets together


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
    lock = Lock(
        {
            name: model_from(name, table, place.child(name), data["models"][name])
            for name, table in models.items()
        }
    )
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


def check_secrets(lock: Lock, old: Lock) -> None:
    """Refuse a lock with a secret that this process knows: a server has repeated what it was sent.

    Models that are in the old lock as they are come from no server.

    Raises:
        LockError: naming where.
    """
    new = [model for name, model in lock.models.items() if model != old.models.get(name)]
    found = (one for model in new for one in _texts(to_json(model), (model.name,)))
    for texts in _in_batches(found):
        # Together, because there may be a million.
        if not holds_secret("\n".join(text for text, _ in texts)):
            continue
        name, *keys = next((keys for text, keys in texts if holds_secret(text)), texts[0][1])
        where = ".".join(keys) or "a key"
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
        "models": {name: to_json(model) for name, model in lock.models.items()},
    }
    # As json.dumps writes it, in a tenth of the memory.
    compact = msgspec.json.Encoder(order="deterministic").encode(data)
    return msgspec.json.format(compact, indent=2).decode() + "\n"


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
