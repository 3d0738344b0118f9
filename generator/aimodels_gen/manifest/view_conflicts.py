"""Models that one engine cannot have together: one name in Ollama, or one place in a directory."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from aimodels_engines.errors import EngineError
from aimodels_engines.ollama.names import check_together, parse
from aimodels_fetcher.wording import joined
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.engines.views import Views
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.toml_lines import Changes, dotted
from aimodels_gen.tables import OneOrMore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from aimodels_gen.engines.selection import Link
    from aimodels_gen.manifest.model import Entry, Manifest

    Files = Callable[[str], Mapping[str, str] | None]
    Taken = dict[str, "_Placed"]

_MOST = 8  # files in a line to write


@dataclass(frozen=True)
class _Placed:
    """What is at a place of a directory.

    Attributes:
        content: the hash of the file; None for a directory.
    """

    entry: Entry
    link: Link
    content: str | None


def check(manifest: Manifest, files: Files) -> None:
    """Refuse models that have one name in Ollama, and files that have one place in a directory.

    Args:
        manifest: what models.toml declares.
        files: returns the hash of each file of a model by its path; None where they are not known.

    Raises:
        ManifestError: naming both models, with the line to write.
    """
    names: dict[str, Entry] = {}
    namespaces: dict[str, Taken] = {}
    having = [entry for entry in manifest.entries if entry.views != Views()]
    for entry in having:
        if entry.views.ollama and entry.views.ollama.enable:
            name = parse(entry.views.ollama.name, entry.name)
            first = names.setdefault(name.path.lower(), entry)
            if first is not entry:
                _refuse_name(first, entry, names, manifest)
        found = files(entry.name)
        for link in entry.views.links(entry.names):
            taken = namespaces.setdefault(link.namespace, {})
            for path, file in link.places(found):
                new = _Placed(entry, link, (found or {}).get(file, f"{entry.name}: {file}"))
                _take(taken, path, new, found, manifest)
    _check_case(names.values(), manifest)


def _check_case(entries: Iterable[Entry], manifest: Manifest) -> None:
    named = [(entry.name, entry.views.ollama.name) for entry in entries if entry.views.ollama]
    try:
        check_together(named)
    except EngineError as error:
        hint = re.sub(
            r' where (".*") is made$', r" as integration.ollama.name of \1", error.hint or ""
        )
        raise ManifestError(f"{manifest.file}: {error.message}", hint) from None


def _take(
    taken: Taken,
    path: str,
    new: _Placed,
    files: Mapping[str, str] | None,
    manifest: Manifest,
) -> None:
    # Where a file is, no directory can be.
    above = [path[:at] for at, char in enumerate(path) if char == "/"]
    for place in (path, *above):
        had = taken.get(place)
        is_directory = place != path
        if had and (had.content is None) == is_directory:
            if is_directory or had.content == new.content:
                continue
        elif had is None:
            continue
        _refuse_place(place, had.entry, new, files, manifest)
    for place in above:
        taken.setdefault(place, _Placed(new.entry, new.link, None))
    taken.setdefault(path, new)


def _refuse_name(
    first: Entry, entry: Entry, taken: Collection[str], manifest: Manifest
) -> NoReturn:
    given, same = (one.views.ollama.name if one.views.ollama else "" for one in (entry, first))
    name = parse(same, first.name)  # Ollama wants one spelling of all parts
    tag = re.sub(r"[^0-9A-Za-z_.-]", "-", entry.name)[:70]
    found = (replace(name, tag=one) for one in (tag, *(f"{tag}-{n}" for n in range(2, 1000))))
    new = next(one for one in found if one.path.lower() not in taken)
    line = _line(entry, ("ollama", "name"), str(new), manifest)
    message = f"{manifest.file}: {first.name} and {entry.name} are both {given} in Ollama"
    raise ManifestError(message, f"write {line} to give {entry.name} another name")


def _refuse_place(
    path: str,
    first: Entry,
    new: _Placed,
    files: Mapping[str, str] | None,
    manifest: Manifest,
) -> NoReturn:
    entry, link = new.entry, new.link
    shown = dotted(("integration", *link.namespace.split(".", 1)))
    if first is entry:
        both = f"{entry.name} has two files for the place {path!r}"
    else:
        both = f"{first.name} and {entry.name} both have {path!r}"
    hint = 'give each file a path of its own, as in a table { "new-name" = "file" }'
    if found := _other_place(first, entry, link, files):
        key, other = found
        hint = f"write {_line(entry, key, other, manifest)} to give {entry.name} another place"
    raise ManifestError(f"{manifest.file}: {both} in {shown}", hint)


def _other_place(
    first: Entry, entry: Entry, link: Link, files: Collection[str] | None
) -> tuple[tuple[str, ...], object] | None:
    """Return the key and the value that give a model other places, None for no guess."""
    kind = link.namespace
    if first is entry:
        return None
    if kind in {"lmstudio", "triton"}:
        name = entry.name if is_repo_part(entry.name) else "my-model"
        is_new = name not in {entry.names.model, first.names.model, first.name}
        return ((kind, "model"), name) if is_new or kind == "triton" else None
    links = [one for one in entry.views.links(entry.names) if one.key == link.key]
    base = f"{link.key[1]}/" if kind == "comfyui" else ""
    if any(one.keeps_paths for one in links):
        moved: dict[str, list[str]] = {}
        for one in links:
            above, slash, name = one.path.removeprefix(base).removesuffix("/").rpartition("/")
            own = f"{entry.name}-{name}" if name else entry.name
            end = "/" if one.path.endswith("/") else ""
            moved.setdefault(f"{above}{slash}{own}{end}", []).append(one.pattern)
        return link.key, {path: OneOrMore(tuple(each)).plain() for path, each in moved.items()}
    places = {path: file for one in links for path, file in one.places(files)}
    if not places or len(places) > _MOST or None in places.values():
        return None
    new = {}
    for path, file in places.items():
        directory, _, name = path.removeprefix(base).rpartition("/")
        new[f"{directory}{'/' if directory else ''}{entry.name}-{name}"] = file
    return link.key, new


def _line(entry: Entry, key: tuple[str, ...], new: object, manifest: Manifest) -> str:
    """Return the line that sets a key of `integration`, as fits the form of the manifest."""
    path = ("models", entry.name)
    before: dict[str, Any] = dict(manifest.tables[entry.name])
    after = copy.deepcopy(before)
    table = after.setdefault("integration", {})
    for part in key[:-1]:
        table = table.setdefault(part, {})
    table[key[-1]] = new
    changes = Changes.between(before, after, path, manifest.text)
    header = next(iter(changes.write), ())
    below = f" below [{dotted(header)}]" if header and not changes.elsewhere else ""
    remove = f" instead of {joined(changes.remove)}" if changes.remove else ""
    return f"{changes.lines()}{below}{remove}"
