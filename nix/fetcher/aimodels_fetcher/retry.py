"""The one policy for trying again: how often, and how long to wait in between."""

from __future__ import annotations

import math
import random
import re
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.log import say, warn
from aimodels_fetcher.wording import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

TRIES = 6
"""How often where nothing has come of it yet: a wrong setting should not take minutes to see."""

INTERACTIVE_TRIES = 4
"""How often where a person waits for the answer."""

PATIENT_TRIES = 12
"""How often where much may be lost: with the waits in between, a network may be out for minutes."""

TRIES_BEFORE_ANOTHER = 2
"""How often where another server can be asked."""

LONGEST_ASKED_WAIT = 330.0
"""Seconds that a server may ask for: the Hub's rate-limit windows are 300 seconds long."""

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be another one next time."""

CROWDED_STATUSES = frozenset({429, 503})
"""Those of them that fewer connections at once may avoid."""

SLOWEST = 1024
"""Bytes a second: what comes more slowly is a stall, and no progress."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_LONG_WAIT = 10.0  # seconds after which people ask themselves what is going on
_LONGEST_WISH = 7 * 86400.0  # seconds; servers may ask for any number


def retrying(  # noqa: PLR0913 (all but the first have defaults)
    attempt: Callable[[], T],
    *,
    progress: Callable[[], int] = lambda: 0,
    tries: Callable[[], int] = lambda: TRIES,
    patience: float = math.inf,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Call `attempt` until it no longer raises TransientError, and return its result.

    Waits grow exponentially with jitter, so that several builds do not come back in step; a wait
    that the server names is kept, up to LONGEST_ASKED_WAIT. Failures are counted from the last
    progress on.

    Args:
        attempt: What to do.
        progress: Returns how far `attempt` has got, in bytes.
        tries: Returns how many failures without progress are enough.
        patience: Seconds; a server that asks for a longer wait is not asked again at all.
        sleep: Waits for so many seconds.
        clock: Returns the time in seconds.

    Raises:
        FetchError: It failed too often without progress; the cause is the last TransientError.
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
            asked = error.wait or 0.0
            if failures >= tries() or asked > patience:
                raise FetchError(_gave_up(failures, error), error.hint) from error
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (failures - 1)) * random.uniform(0.5, 1)  # noqa: S311 (jitter)
            wait = max(wait, min(asked, LONGEST_ASKED_WAIT))
            limited = error.status == HTTPStatus.TOO_MANY_REQUESTS or wait > _LONG_WAIT
            (warn if limited and not error.told else say)(f"{error}; trying again in {wait:.1f} s")
            sleep(wait)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait for, or None where it does not.

    `Retry-After` has seconds or a date (RFC 9110, 10.2.3); the Hub sends `RateLimit:
    "api";r=0;t=42` (https://huggingface.co/docs/hub/rate-limits).

    Args:
        headers: Of the answer; their names are looked up in this spelling.
    """
    after = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]+", after):
        return min(float(after), _LONGEST_WISH)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (slow to import)

    try:
        wish = parsedate_to_datetime(after).timestamp() - time.time()
        return min(max(0.0, wish), _LONGEST_WISH)
    except (TypeError, ValueError, OverflowError):
        pass
    reset = re.search(r"\br=0\b.*?\bt=([0-9]+)", headers.get("RateLimit", ""))
    return min(float(reset[1]), _LONGEST_WISH) if reset else None


class RateLimit:
    """Holds back the requests of all threads until a server wants to be asked again."""

    def __init__(self) -> None:
        self._not_before = 0.0
        self._told = 0.0
        self._noting = threading.Lock()

    def note(self, seconds: float, who: str | None = None, advice: str = "") -> None:
        """Hold back all requests for so many seconds, but not longer than LONGEST_ASKED_WAIT.

        Args:
            seconds: From now on.
            who: Who limits the rate, to say so once for all threads that are told; None to say it
                only where the wait is long.
            advice: What raises the limit, to be said after that.
        """
        wait = min(seconds, LONGEST_ASKED_WAIT)
        with self._noting:
            now = time.monotonic()
            news = now >= self._not_before
            self._not_before = now + wait
            if who:
                self._told = self._not_before
        if who and news:
            warn(f"rate limited by {who}; waiting {duration_text(math.ceil(wait))}{advice}")

    def wait(self) -> None:
        """Wait until requests may be made again; the first thread that waits long says so."""
        while (left := self._not_before - time.monotonic()) > 0:
            if left > _LONG_WAIT and self._told != self._not_before:
                self._told = self._not_before
                warn(
                    f"waiting {duration_text(left)}, because the server limits the rate of requests"
                )
            time.sleep(left + random.uniform(0, 0.5))  # noqa: S311 (jitter)


def _gave_up(failures: int, error: TransientError) -> str:
    if failures == 1:
        return f"gave up after 1 try: {error}"
    return f"gave up after {failures} tries: {error}"
