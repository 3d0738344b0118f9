"""Models that cannot be in one cache, because their entries have the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.wording import joined
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.manifest.toml_lines import dotted, value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.manifest.model import Entry, Manifest


def conflicts(manifest: Manifest) -> list[str]:
    """Return a warning for each name of an entry that several models have, with lines to write.

    Packages of such models can be built and used by their paths: only one cache cannot hold them,
    and Nix says so where one is made (nix/integration/models.nix, nix/modules/common.nix).
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in manifest.entries:
        if name := entry.cache_name:
            by_name.setdefault(name, []).append(entry)
    taken = set(by_name)
    return [_warning(name, entries, taken) for name, entries in by_name.items() if len(entries) > 1]


def _warning(name: str, entries: Sequence[Entry], taken: set[str]) -> str:
    # Those that have been given this name keep it.
    first, *others = sorted(entries, key=lambda entry: not _is_named(entry))
    both = "both" if len(others) == 1 else "all"
    lines = [
        f"`integration.huggingface = {_other_name(entry, taken)}` below "
        f"[{dotted(('models', entry.name))}]{' instead of its own' if _is_named(entry) else ''}"
        for entry in others
    ]
    remedy = f"to have {both} in one, write {joined(lines)}, and load them by these names"
    together = _together(first, others)
    if together:
        remedy += f"; or keep one model of them, with {together}"
    return (
        f"{joined([entry.name for entry in entries])} are {both} {name} in a cache, so shells, "
        f"mkCache and the modules cannot have {both}: {remedy}"
    )


def _is_named(entry: Entry) -> bool:
    return entry.integration.org is not None or entry.integration.model is not None


def _other_name(entry: Entry, taken: set[str]) -> str:
    """Return the table that gives an entry a name that no other model has."""
    org = entry.integration.org or entry.source.cache_parts[0] or "my-org"
    model = entry.name if is_repo_part(entry.name) else "my-model"
    for number in range(1, len(taken) + 2):
        name = model if number == 1 else f"{model}-{number}"
        if f"--{org}--{name}" not in {one[one.index("--") :] for one in taken}:
            break
    taken.add(f"models--{org}--{name}")
    return value({"org": org, "model": name})


def _together(first: Entry, others: Sequence[Entry]) -> str | None:
    """Return the filters that take what all of them take, None if one model cannot."""
    same = all(
        entry.source.pin_inputs() == first.source.pin_inputs()
        and entry.filters.exclude == first.filters.exclude
        for entry in others
    )
    patterns = [entry.filters.include for entry in (first, *others)]
    if not same:
        return None
    if None in patterns:
        return "no include"
    found = dict.fromkeys(pattern for one in patterns for pattern in one or ())
    return f"`include = {value(list(found))}`"
