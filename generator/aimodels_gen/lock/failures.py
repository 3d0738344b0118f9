"""The one collector of what goes wrong while models are locked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar

from aimodels_gen.errors import AimodelsError, CombinedError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

_MOST_NAMES = 8


class Named(Protocol):
    """A model at any stage."""

    @property
    def name(self) -> str:
        """Return its name in the manifest."""


_KEEP_GOING = "to lock the other models all the same, add --keep-going"

N = TypeVar("N", bound=Named)
R = TypeVar("R")


class Failures:
    """The first failure of each model: the others most likely have the same cause."""

    def __init__(self, *, tolerated: bool = False) -> None:
        """Begin without any; where they are `tolerated`, `raise_all` never raises."""
        self._first: dict[str, AimodelsError] = {}
        self._tolerated = tolerated

    @contextlib.contextmanager
    def collect(self, name: str) -> Iterator[None]:
        """Keep a failure in this block as that of the model `name`."""
        try:
            yield
        except AimodelsError as error:
            self.add(name, error)

    def add(self, name: str, error: AimodelsError) -> None:
        """Keep a failure as that of the model `name`."""
        self._first.setdefault(name, error)

    def of_each(self, models: Iterable[N], work: Callable[[N], R]) -> list[R]:
        """Return what `work` returns for each model, without those that fail."""
        done: list[R] = []
        for model in models:
            with self.collect(model.name):
                done.append(work(model))
        return done

    def of(self, order: Iterable[str]) -> tuple[str, ...]:
        """Return which of these models have failed."""
        return tuple(name for name in order if name in self._first)

    def first(self, name: str) -> AimodelsError | None:
        """Return the failure of a model, None for none."""
        return self._first.get(name)

    def together(self, order: Iterable[str], hint: str | None = None) -> CombinedError | None:
        """Return all failures as one error, in the order of these names; None if there are none.

        Those of one cause are one.
        """
        causes: dict[tuple[str, str | None], list[str]] = {}
        for name in self.of(order):
            error = self._first[name]
            causes.setdefault((_common(error), error.hint), []).append(name)
        failures = [self._of(*cause, names) for cause, names in causes.items()]
        return CombinedError(failures, hint) if failures else None

    def raise_all(self, order: Collection[str]) -> None:
        """Raise all failures together, in the order of these names, if there are any.

        Raises:
            CombinedError: the models that failed.
        """
        others = len(order) > len(self._first)
        error = self.together(order, _KEEP_GOING if others else None)
        if error and not self._tolerated:
            raise error

    def _of(self, common: str, hint: str | None, names: list[str]) -> AimodelsError:
        first = self._first[names[0]]
        message = first.message if len(names) == 1 else common
        failure = AimodelsError(f"{named(names)}: {message}", hint)
        failure.__cause__ = first
        return failure


def named(names: Sequence[str]) -> str:
    """Return the names of models for a message: the first few of many."""
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"


def merged(warnings: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return warnings of models, `NAME: …`, with those that say the same as one."""
    known = frozenset(names)
    found: dict[str, list[str]] = {}
    for warning in warnings:
        name, _, text = warning.partition(": ")
        if name in known:
            found.setdefault(text, []).append(name)
        else:
            found.setdefault(warning, [])
    return [f"{named(of)}: {text}" if of else text for text, of in found.items()]


def _common(error: AimodelsError) -> str:
    return (isinstance(error, SourceError) and error.common) or error.message
