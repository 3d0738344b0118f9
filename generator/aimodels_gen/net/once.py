"""Questions that several models have in common: they are asked once in a run."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")


class Turns(Generic[K]):
    """Lets the threads that have the same question ask it one after the other.

    Whoever has waited finds the answer where the one before has left it, or fails as that one did.
    """

    def __init__(self) -> None:
        """Begin without questions."""
        self._locks: dict[K, threading.Lock] = {}
        self._failures: dict[K, AimodelsError] = {}

    @contextmanager
    def of(self, question: K) -> Iterator[None]:
        """Wait until nobody else asks it.

        Raises:
            AimodelsError: it has been asked, and this came of it.
        """
        with self._locks.setdefault(question, threading.Lock()):
            if question in self._failures:
                raise self._failures[question]
            yield

    def failed(self, question: K, error: AimodelsError) -> None:
        """Remember what came of a question."""
        self._failures.setdefault(question, error)


class Answers(Generic[K, T]):
    """Answers by their questions; one object serves all threads."""

    def __init__(self) -> None:
        """Begin without answers."""
        self._known: dict[K, T] = {}
        self._turns: Turns[K] = Turns()

    def get(self, question: K, ask: Callable[[], T]) -> T:
        """Return the answer to a question, which is asked if it has not been.

        Raises:
            AimodelsError: this came of it, now or before.
        """
        if question not in self._known:
            with self._turns.of(question):
                if question not in self._known:
                    try:
                        self._known[question] = ask()
                    except AimodelsError as error:
                        self._turns.failed(question, error)
                        raise
        return self._known[question]
