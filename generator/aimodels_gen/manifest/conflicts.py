"""Models that cannot be in one cache, because their entries have the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.wording import joined
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.manifest.toml_lines import Changes, Written, dotted, value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aimodels_gen.manifest.model import Entry, Manifest
    from aimodels_gen.manifest.toml_lines import Path


def conflicts(manifest: Manifest) -> list[str]:
    """Return a warning for each name of an entry that several models have, with lines to write.

    Packages of such models can be built and used by their paths: only one cache cannot hold them,
    and Nix says so where one is made (nix/integration/models.nix, nix/modules/common.nix).
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in manifest.entries:
        if name := entry.cache_name:
            by_name.setdefault(name, []).append(entry)
    shared = {name: entries for name, entries in by_name.items() if len(entries) > 1}
    if not shared:
        return []
    taken = {name[name.index("--") :] for name in by_name}
    # Once for all: there may be 1,000 models.
    headers: dict[Path, set[Path]] = {}
    for key, header in Written.of(manifest.text).keys.items():
        headers.setdefault(key[:2], set()).add(header[:2])
    return [_warning(name, entries, taken, manifest, headers) for name, entries in shared.items()]


def _warning(
    name: str,
    entries: Sequence[Entry],
    taken: set[str],
    manifest: Manifest,
    headers: Mapping[Path, Collection[Path]],
) -> str:
    # Those that have been given this name keep it.
    first, *others = sorted(entries, key=lambda entry: not _is_named(entry))
    both = "both" if len(others) == 1 else "all"
    lines = [_line(entry, _other_name(entry, taken), manifest, headers) for entry in others]
    them, these = ("it", "this name") if len(others) == 1 else ("them", "these names")
    remedy = f"write {joined(lines)} and load {them} by {these}"
    together = _together(first, others)
    names = joined([entry.name for entry in entries])
    return (
        f"{names} are {both} {name} in a cache: shells, mkCache and the modules refuse them "
        f"together; {remedy}{together}"
    )


def _line(
    entry: Entry,
    name: dict[str, str],
    manifest: Manifest,
    headers: Mapping[Path, Collection[Path]],
) -> str:
    """Return the line that gives an entry a name, as fits the form of the manifest."""
    path = ("models", entry.name)
    written = Written.of(manifest.text)
    instead = " instead of its own" if _is_named(entry) else ""
    if not written.holder_of(path) and {*headers.get(path, ())} <= {path}:
        return f"`integration.huggingface = {value(name)}` below [{dotted(path)}]{instead}"
    before = dict(manifest.tables[entry.name])
    after = {**before, "integration": {"huggingface": name}}
    changes = Changes.between(before, after, path, manifest.text)
    (header,) = changes.write
    below = f" below [{dotted(header)}]" if header else ""
    above = " above all [headers]" if not header and written.headers else ""
    return f"{changes.lines()}{above if changes.holder else below or above}{instead}"


def _is_named(entry: Entry) -> bool:
    return entry.integration.org is not None or entry.integration.model is not None


def _other_name(entry: Entry, taken: set[str]) -> dict[str, str]:
    """Return the table that gives an entry a name that no other model has."""
    org = entry.integration.org or entry.source.cache_parts[0] or "my-org"
    model = entry.name if is_repo_part(entry.name) else "my-model"
    for number in range(1, len(taken) + 2):
        name = model if number == 1 else f"{model}-{number}"
        if f"--{org}--{name}" not in taken:
            break
    taken.add(f"--{org}--{name}")
    return {"org": org, "model": name}


def _several_quants(entries: Sequence[Entry]) -> str:
    """Return how one model takes several quantisations, nothing if that is not what they take."""
    inputs = [entry.source.pin_inputs() for entry in entries]
    given = [one.pop("quant", None) for one in inputs]
    filters = {(entry.filters.include, entry.filters.exclude) for entry in entries}
    if None in given or len(filters) > 1 or any(one != inputs[0] for one in inputs):
        return ""
    lists = ([one] if isinstance(one, str) else one for one in given)
    quants = list(dict.fromkeys(quant for one in lists for quant in one))
    return f", or keep one model with `quant = {value(quants)}` in its source"


def _together(first: Entry, others: Sequence[Entry]) -> str:
    """Return how one model takes what all of them take, nothing if it cannot."""
    same = all(
        entry.source.pin_inputs() == first.source.pin_inputs()
        and entry.filters.exclude == first.filters.exclude
        for entry in others
    )
    patterns = [entry.filters.include for entry in (first, *others)]
    if not same:
        return _several_quants([first, *others])
    if len(set(patterns)) == 1:
        return ", or keep one of them"
    if None in patterns:
        return ", or keep one model without include"
    found = dict.fromkeys(pattern for one in patterns for pattern in one or ())
    return f", or keep one model with `include = {value(list(found))}`"
