"""A model that nobody has written yet: its keys and its name, made of what names its source."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.urls import quoted
from aimodels_gen import sources
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.errors import AimodelsError
from aimodels_gen.manifest.names import store_name
from aimodels_gen.net.contents import is_weights

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from aimodels_gen.pasted import Meant

_NO_NAME = "my-model"
_ON_THIS_MACHINE = re.compile(r"file:|\.{0,2}/|~|[A-Za-z]:[\\/]")
_COLLECTION = re.compile(r"(?:https?://)?(?:huggingface|hf)\.co/collections/")
_OLLAMA = re.compile(r"(?:\S+ )*ollama (?:pull|run) |(?:https?://)?(?:www\.)?ollama\.com/")
# Of the Hub; they have 34 characters after the prefix.
_TOKEN = re.compile(r"(?<![^\W_])(?:hf|api_org)_[A-Za-z0-9]{30,}(?![\w-])")
_HAS_OWNER = re.compile(r"[^/]+/[^/]+|[a-z0-9]+://")
_PART = re.compile(r"[-_.][0-9]{3,}-of-[0-9]{3,}\Z")
# Files that have the same name in all models.
_COMMON = re.compile(r"(?:.*_)?(?:config|index|model|tokenizer|weights)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class NewModel:
    """A model to add.

    Attributes:
        meant: its source, and the files of it.
        pin: the kind of pin to set, None for none.
        ollama: its name for Ollama, None for none.
    """

    meant: Meant
    pin: str | None = None
    ollama: str | None = None

    @property
    def name(self) -> str:
        """Return the name that it gets if nobody sets one."""
        return name_after(self.meant.table)

    @property
    def is_named(self) -> bool:
        """Return whether its source has a name for the cache."""
        return sources.kind(self.meant.kind).has_repo_id

    def notes(self, name: str) -> tuple[str, ...]:
        """Return what the reader should know of it."""
        notes = tuple(f"{name}: {note}" for note in self.meant.notes)
        if self.is_named:
            return notes
        integration = integration_for(name)["huggingface"]
        shown = f"{integration['org']}/{integration['model']}"
        note = f"{name} is {shown} in a cache: to change that, edit integration.huggingface"
        return (*notes, note)

    def table(self, name: str) -> dict[str, Any]:
        """Return its keys in a manifest, where it has this name."""
        meant = self.meant
        integration = {} if self.is_named else integration_for(name)
        if self.ollama is not None:
            integration["ollama"] = {"name": self.ollama}
        keys: dict[str, Any] = {
            "source": {meant.kind: dict(meant.table)},
            "include": list(meant.include),
            "exclude": list(meant.exclude),
            "pin": self.pin,
            "integration": integration,
        }
        return {key: item for key, item in keys.items() if item}


def name_after(source: Mapping[str, Any]) -> str:
    """Return a name for a model, after its repository, its directory in a bucket, or its file."""
    found = source.get("repo")
    if not isinstance(found, str):
        prefix = source.get("prefix")
        found = prefix.strip("/") if isinstance(prefix, str) else None
        found = found or source.get("bucket")
    if not isinstance(found, str):
        files = source.get("files")
        found = _after_file(files) if isinstance(files, dict) else None
    return store_name((found or _NO_NAME).rpartition("/")[2])


def _after_file(files: Mapping[str, Any]) -> str | None:
    path = next(iter((*filter(is_weights, files), *files)), None)
    if path is None:
        return None
    stem = _PART.sub("", PurePosixPath(path).stem)
    if not _COMMON.match(stem):
        return stem
    url = files[path]
    directories = url.split("/")[3:-1] if isinstance(url, str) else []
    return directories[-1] if directories else stem


def integration_for(name: str) -> dict[str, Any]:
    """Return `integration` for a model whose source has no name for the cache."""
    return {"huggingface": {"org": "my-org", "model": name if is_repo_part(name) else _NO_NAME}}


def unique(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken yet."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def read(addresses: Iterable[str]) -> list[Meant]:
    """Return the sources that addresses name, in order.

    Those of one repository are one, with the files of all. So are files at URLs.

    Raises:
        AimodelsError: an address names nothing, or two files have one name.
    """
    found: list[Meant] = []
    for meant in (meant for address in addresses for meant in _read(address)):
        same = next((n for n, other in enumerate(found) if _are_one(other, meant)), None)
        if same is None:
            found.append(meant)
        else:
            found[same] = _together(found[same], meant)
    return found


def _read(address: str) -> list[Meant]:
    """Return the source that an address names, or those of a list that was pasted.

    Raises:
        AimodelsError: it names nothing.
    """
    if meant := sources.meant_by(address):
        if _TOKEN.search(str(meant.table.get("repo"))):
            raise AimodelsError(
                "a token is not an address, and was not used",
                "leave it out, and set HF_TOKEN or run `hf auth login`",
            )
        return [meant]
    words = [word for word in re.split(r"[\s,;]+", address) if word]
    if len(words) > 1 and all(map(_HAS_OWNER.match, words)):
        listed = [sources.meant_by(word) for word in words]
        if all(listed):
            return list(filter(None, listed))
    text = address.strip()
    hint = "write ORG/NAME, the URL of a page or a file, or s3://BUCKET/PREFIX"
    if _ON_THIS_MACHINE.match(text):
        hint = (
            "add the repository or URL that it is from; `aimodels-gen import` then takes the files"
        )
    elif _COLLECTION.match(text):
        hint = "add the models of the collection, each as ORG/NAME"
    elif _OLLAMA.match(text):
        hint = "add the model's repository on the Hub instead, such as ORG/NAME-GGUF:Q4_K_M"
    raise AimodelsError(f"{quoted(address)} names no model", hint)


def _are_one(one: Meant, other: Meant) -> bool:
    return one.kind == other.kind and (
        _unchosen(one) == _unchosen(other) or {"files"} == {*one.table, *other.table}
    )


def _unchosen(meant: Meant) -> dict[str, Any]:
    """Return a source without the quantisations of which it takes files."""
    return {key: value for key, value in meant.table.items() if key != "quant"}


def _quants(meant: Meant) -> list[str]:
    given = meant.table.get("quant", [])
    return [given] if isinstance(given, str) else list(given)


def _chosen(one: Meant, other: Meant) -> dict[str, Any]:
    """Return a source that takes what both take."""
    if not all(meant.include or _quants(meant) for meant in (one, other)):
        return _unchosen(one)  # one that names no file means all of them
    quants = {quant.upper(): quant for quant in [*_quants(one), *_quants(other)]}
    listed = list(quants.values())
    chosen = {"quant": listed[0] if len(listed) == 1 else listed} if listed else {}
    return {"repo": one.table["repo"], **chosen, **_unchosen(one)}


def _together(one: Meant, other: Meant) -> Meant:
    table = dict(one.table)
    if "files" in table and table != other.table:
        twice = [
            path
            for path, url in other.table["files"].items()
            if table["files"].get(path, url) != url
        ]
        if twice:
            raise AimodelsError(
                f"two of these files are named {twice[0]}",
                "add them one by one: files that are added together are one model",
            )
        table["files"] = {**table["files"], **other.table["files"]}
    elif "quant" in {*table, *other.table}:
        table = _chosen(one, other)
    # One that names no file means all of them.
    every = any(not (meant.include or _quants(meant)) for meant in (one, other))
    include = () if every else _all(one.include, other.include)
    exclude = _all(one.exclude, other.exclude)
    notes = _all(one.notes, other.notes)
    return replace(one, table=table, include=include, exclude=exclude, notes=notes)


def with_filters(meant: Meant, include: Sequence[str], exclude: Sequence[str]) -> Meant:
    """Return a source with more patterns of files."""
    return replace(
        meant, include=_all(meant.include, include), exclude=_all(meant.exclude, exclude)
    )


def _all(*patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pattern for one in patterns for pattern in one))
