"""The GGUF files of a repository that a manifest chooses by their quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from glob import escape
from typing import TYPE_CHECKING

from aimodels_engines.quants import SUFFIX, GgufSet, best_mmproj, matching, mmprojs, name_of, sets
from aimodels_engines.quants import available as quants_of
from aimodels_engines.quants import bits as bits_of
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.wording import joined
from aimodels_gen.errors import SourceError
from aimodels_gen.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_SHOWN = 3


@dataclass(frozen=True)
class GgufChoice:
    """Takes the GGUF files of quantisations; see `sources.base.Choice`.

    Attributes:
        label: what messages call the repository.
        quants: at least one.
        mmproj: whether to take the mmproj as well, or its quantisation.
    """

    label: str
    quants: Sequence[str]
    mmproj: str | bool | None = None

    def candidates(self, filters: Filters) -> Filters:
        """Return filters that take every GGUF file, beside what these include."""
        return Filters((f"*{SUFFIX}", *(filters.include or ())), filters.exclude)

    def chosen(self, filters: Filters, paths: Iterable[str]) -> Filters:
        """Return filters that take the files of the quantisations, and what these include.

        Raises:
            SourceError: a quantisation is not there, is there twice, or lacks shards; or there is
                no such mmproj.
        """
        paths = [path for path in paths if path.endswith(SUFFIX)]
        models = [_model(self.label, quant, filters, paths) for quant in self.quants]
        found = [path for model in models for path in model.paths]
        if self.mmproj:
            wanted = self.mmproj if isinstance(self.mmproj, str) else None
            found += [_mmproj(self.label, wanted, model, paths) for model in models]
        include = (*map(escape, dict.fromkeys(found)), *(filters.include or ()))
        return Filters(include, filters.exclude)


def _model(label: str, quant: str, filters: Filters, paths: Sequence[str]) -> GgufSet:
    if not sets(paths):
        hint = "remove quant, or name a repository of GGUF files"
        if filters.exclude:
            hint += "; or change exclude, which may leave them out"
        raise SourceError(f"{label} has no GGUF file, and quant is {quant}", hint)
    found = matching(paths, quant)
    if not found:
        raise SourceError(
            f"{label} has no GGUF file of the quantisation {quant}", _others(quant, filters, paths)
        )
    if len(found) > 1:
        first, *others = found
        shown = joined([one.paths[0] for one in found[:_MOST_SHOWN]])
        more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
        listed = ", ".join(f'"{_pattern(one)}"' for one in others)
        hint = f"leave all but one out, as with exclude = [{listed}]"
        if len(others) > _MOST_SHOWN:
            hint = f'write include = ["{_pattern(first)}"] instead of quant, for example'
        raise SourceError(f"{label} has several models of {quant}: {shown}{more}", hint)
    (model,) = found
    if model.missing:
        whole = [one for one in quants_of(paths) if not _lacks(one, paths)]
        hint = "the upload may still be under way: lock again later"
        if whole:
            hint += f", or write a quant that is whole: {', '.join(whole)}"
        count = len(model.missing) - 1
        more = f" and {count} more shards" if count else ""
        raise SourceError(f"{label} lacks {model.missing[0]}{more} of {quant}", hint)
    return model


def _others(quant: str, filters: Filters, paths: Sequence[str]) -> str:
    """Return what to write where no model has a quantisation."""
    there = quants_of(paths)
    near = nearest(quant, [one for one in there if bits_of(one) == bits_of(quant)])
    hint = f"write one of those that it has: {', '.join(there)}"
    if near:
        hint = f'did you mean quant = "{near}"? it has {", ".join(there)}'
    elif not there:
        stem = sets(paths)[0].stem
        hint = f'write include = ["{escape(stem)}*"] instead of quant, for example'
    if filters.exclude:
        hint += "; or change exclude, which may leave it out"
    return hint


def _lacks(quant: str, paths: Sequence[str]) -> bool:
    return any(one.missing for one in matching(paths, quant))


def _pattern(model: GgufSet) -> str:
    """Return the pattern of all files of a model."""
    return escape(model.paths[0]) if len(model.paths) == 1 else f"{escape(model.stem)}-*{SUFFIX}"


def _mmproj(label: str, wanted: str | None, model: GgufSet, paths: Sequence[str]) -> str:
    found = best_mmproj(paths, model.paths[0], wanted)
    if found is not None:
        return found
    there = mmprojs(paths)
    if not there:
        hint = "remove mmproj: without it, the model reads text only"
        raise SourceError(f"{label} has no mmproj file", hint)
    if wanted is None or best_mmproj(paths, model.paths[0]) is None:
        hint = f'write include = ["{escape(there[0])}"] instead of mmproj, for example'
        raise SourceError(f"{label} has no mmproj file next to {model.paths[0]}", hint)
    names = filter(None, map(name_of, there))
    listed = [f'"{quant}"' for quant in dict.fromkeys(one.quant for one in names) if quant]
    hint = f"write mmproj = {' or '.join([*listed, 'true'])}"
    raise SourceError(f"{label} has no mmproj file of the quantisation {wanted}", hint)
