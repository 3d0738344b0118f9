"""Models that one engine cannot have together: one name in Ollama, or one place in a directory."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from aimodels_fetcher.wording import joined
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.engines.ollama import same_name, with_tag
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.names import store_name
from aimodels_gen.manifest.toml_lines import Changes, dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aimodels_gen.engines.selection import Link
    from aimodels_gen.manifest.model import Entry, Manifest

    Files = Mapping[str, Collection[str] | None]
    Taken = dict[str, tuple[Entry, Link, str | None]]

_MOST = 8  # files in a line to write


def check(manifest: Manifest, files: Files) -> None:
    """Refuse models that have one name in Ollama, and files that have one place in a directory.

    Args:
        manifest: what models.toml declares.
        files: the paths of the models' files; None or absent where they are not known.

    Raises:
        ManifestError: naming both models, with the line to write.
    """
    names: dict[str, Entry] = {}
    namespaces: dict[str, Taken] = {}
    for entry in manifest.entries:
        if entry.views.ollama and entry.views.ollama.enable:
            first = names.setdefault(same_name(entry.views.ollama.name), entry)
            if first is not entry:
                _refuse_name(first, entry, names, manifest)
        for link in entry.views.links(entry.names):
            taken = namespaces.setdefault(link.namespace, {})
            for path, file in link.places(files.get(entry.name)):
                _take(taken, path, (entry, link, file), files, manifest)


def _take(
    taken: Taken, path: str, new: tuple[Entry, Link, str | None], files: Files, manifest: Manifest
) -> None:
    entry, link, file = new
    # Where a file is, no directory can be.
    above = [path[:at] for at, char in enumerate(path) if char == "/"]
    for place in (path, *above):
        had = taken.get(place)
        if had and had[2] is not None and (place != path or (had[0], had[2]) != (entry, file)):
            _refuse_place(place, had[0], entry, link, files, manifest)
    for place in above:
        taken.setdefault(place, (entry, link, None))
    if path in taken and taken[path][2] is None:
        _refuse_place(path, taken[path][0], entry, link, files, manifest)
    taken[path] = new


def _refuse_name(
    first: Entry, entry: Entry, taken: Collection[str], manifest: Manifest
) -> NoReturn:
    name = entry.views.ollama.name if entry.views.ollama else ""
    tag = store_name(entry.name).translate(str.maketrans("+?=", "---"))[:70]
    found = (with_tag(name, one) for one in (tag, *(f"{tag}-{n}" for n in range(2, 1000))))
    new = next(one for one in found if same_name(one) not in taken)
    line = _line(entry, ("ollama", "name"), new, manifest)
    message = f"{manifest.file}: {first.name} and {entry.name} are both {name} in Ollama"
    raise ManifestError(message, f"write {line} to give {entry.name} another name")


def _refuse_place(  # noqa: PLR0913, PLR0917 - what the line to write needs
    path: str, first: Entry, entry: Entry, link: Link, files: Files, manifest: Manifest
) -> NoReturn:
    shown = dotted(("integration", *link.namespace.split(".", 1)))
    if first is entry:
        both = f"{entry.name} has two files for the place {path!r}"
    else:
        both = f"{first.name} and {entry.name} both have {path!r}"
    hint = 'give each file a path of its own, as in a table { "new-name" = "file" }'
    if found := _other_place(first, entry, link, files.get(entry.name)):
        key, new = found
        hint = f"write {_line(entry, key, new, manifest)} to give {entry.name} another place"
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
    places = {path: file for one in links for path, file in one.places(files)}
    if not places or len(places) > _MOST or None in places.values():
        return None
    base = f"{link.key[1]}/" if kind == "comfyui" else ""
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
