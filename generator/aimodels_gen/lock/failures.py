"""The one collector of what goes wrong while models are locked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar

from aimodels_gen.errors import AimodelsError, CombinedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Named(Protocol):
    """A model at any stage."""

    @property
    def name(self) -> str:
        """Return its name in the manifest."""


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
            failure = AimodelsError(f"{name}: {error.message}", error.hint)
            failure.__cause__ = error
            self._first.setdefault(name, failure)

    def of_each(self, models: Iterable[N], work: Callable[[N], R]) -> list[R]:
        """Return what `work` returns for each model, without those that fail."""
        done: list[R] = []
        for model in models:
            with self.collect(model.name):
                done.append(work(model))
        return done

    def by_name(self, order: Iterable[str]) -> dict[str, AimodelsError]:
        """Return the failures by the models' names, in this order."""
        return {name: self._first[name] for name in order if name in self._first}

    def raise_all(self, order: Iterable[str]) -> None:
        """Raise all failures together, in the order of these names, if there are any.

        Raises:
            CombinedError: the models that failed.
        """
        if self._first and not self._tolerated:
            raise CombinedError([*self.by_name(order).values()])
