"""Tests on inputs that hypothesis makes up, for a number of seconds each.

    @fuzz(text=documents)
    @example(text='{"refs": 7}')
    def test_that_it_reports_one_line(tmp_path: Path, text: str) -> None: ...

A test runs for about three seconds, or for as many as the environment variable
AIMODELS_FUZZ_SECONDS has. The inputs are the same in each run, and a longer run tries the same ones
first. What was found once is kept as an `@example`, below `@fuzz`. Fixtures are shared by all
inputs of a test.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import time
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from support.environment import ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

SECONDS = "AIMODELS_FUZZ_SECONDS"
_DEFAULT_SECONDS = 2.5
_ROUND = 50  # inputs between two looks at the clock


def fuzz(**strategies: SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a test to run on inputs until its time is over.

    Args:
        strategies: Argument of the test -> what its values are drawn from.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test, updated=())  # its examples are for `given` alone
        def run(*arguments: Any, **fixtures: Any) -> None:
            end = time.monotonic() + _seconds()
            for number in itertools.count():
                _round(number)(given(**strategies)(test))(*arguments, **fixtures)
                if time.monotonic() >= end:
                    return

        signature = inspect.signature(test)
        fixtures = [p for name, p in signature.parameters.items() if name not in strategies]
        run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return run

    return decorate


def _seconds() -> float:
    """Return how long a test runs: the tests' own environment has no such variable."""
    return float(os.environ.get(SECONDS) or ORIGINAL.get(SECONDS) or _DEFAULT_SECONDS)


def _round(number: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for the inputs of one round; the first one tries the examples as well."""
    configured = settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        phases=[phase for phase in Phase if number == 0 or phase is not Phase.explicit],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    return lambda test: configured(seed(number)(test))
