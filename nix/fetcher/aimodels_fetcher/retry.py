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

_TRIES = 6
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_LONGEST_ASKED_WAIT = 330.0  # the Hub's rate-limit windows are 300 seconds long


def retrying(
    attempt: Callable[[], T],
    what: str,
    progress: Callable[[], int] = lambda: 0,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `attempt` until it no longer raises TransientError.

    Waits grow exponentially with jitter, so that several builds do not come back in step; a wait
    that the server names is kept to. Failures are counted from the last progress on.

    Args:
        attempt: What to do.
        what: Its name for messages.
        progress: Gives how far `attempt` has got, in bytes.
        sleep: Waits for so many seconds.

    Raises:
        FetchError: It failed too often without progress.
    """
    failures = 0
    reached = progress()
    while True:
        try:
            return attempt()
        except TransientError as error:  # noqa: PERF203 (trying again is the point)
            if progress() > reached:
                reached, failures = progress(), 0
            failures += 1
            if failures == _TRIES:
                raise FetchError(
                    f"{what}: gave up after {failures} tries: {error}",
                    "check the network and the proxy settings of nix-daemon, then build again",
                ) from error
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**failures) * random.uniform(0.5, 1)  # noqa: S311 (jitter)
            if error.wait is not None:
                wait = max(wait, min(error.wait, _LONGEST_ASKED_WAIT))
            say(f"{error}; trying again in {wait:.0f} s")
            sleep(wait)
