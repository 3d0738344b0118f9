"""Trying again: how often, and how long to wait in between."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.log import say

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRIES = 6
"""How often where nothing has come of it yet: a wrong setting should not take minutes to see."""
PATIENT_TRIES = 12
"""How often where much may be lost: with the waits in between, a network may be out for minutes."""

LONGEST_ASKED_WAIT = 330.0
"""Seconds that a server may ask for: the Hub's rate-limit windows are 300 seconds long."""

TRIES_BEFORE_ANOTHER = 2
"""How often where there is somebody else to ask."""

SLOWEST = 1024
"""Bytes a second: what comes more slowly is a stall, and no progress."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0


def retrying(
    attempt: Callable[[], T],
    *,
    progress: Callable[[], int] = lambda: 0,
    tries: Callable[[], int] = lambda: TRIES,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Call `attempt` until it no longer raises TransientError.

    Waits grow exponentially with jitter, so that several builds do not come back in step; a wait
    that the server names is kept to. Failures are counted from the last progress on.

    Args:
        attempt: What to do.
        progress: Gives how far `attempt` has got, in bytes.
        tries: Gives how many failures without progress are enough.
        sleep: Waits for so many seconds.
        clock: Gives the time in seconds.

    Raises:
        FetchError: It failed too often without progress.
    """
    failures = 0
    reached, since = progress(), clock()
    while True:
        try:
            return attempt()
        except TransientError as error:  # noqa: PERF203 (trying again is the point)
            if progress() - reached > SLOWEST * (clock() - since):
                failures = 0
            reached, since = progress(), clock()
            failures += 1
            if failures >= tries():
                raise FetchError(f"gave up after {failures} tries: {error}", error.hint) from error
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (failures - 1)) * random.uniform(0.5, 1)  # noqa: S311 (jitter)
            if error.wait is not None:
                wait = max(wait, min(error.wait, LONGEST_ASKED_WAIT))
            say(f"{error}; trying again in {wait:.1f} s")
            sleep(wait)
