"""Asking again after what may pass by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRIES = 4
"""How often to ask a server; TRIES_BEFORE_ANOTHER where there is somebody else to ask."""
TRIES_BEFORE_ANOTHER = 2

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_PAUSE = 0.5  # seconds
_LONGEST_BACKOFF = 30.0
# The Hub's rate limits are counted in windows of five minutes: waiting longer cannot help.
_LONGEST_PAUSE = 300.0


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: half a second, then doubles."""
    return float(min(_LONGEST_BACKOFF, _FIRST_PAUSE * 2 ** (failures - 1)))


def retrying(
    call: Callable[[], T],
    tries: int,
    expected: tuple[type[Exception], ...],
    pause: Callable[[Exception, float], float | None],
) -> T:
    """Return what `call` returns, calling it up to `tries` times while failures may pass.

    Args:
        call: what to do.
        tries: how often at the most.
        expected: what it raises where something goes wrong on the way.
        pause: gets that and the seconds of `backoff`; returns the seconds to wait, None where
            there is no point in another try.

    Raises:
        Exception: whatever the last call raised.
    """
    for attempt in range(1, tries):
        try:
            return call()
        except expected as error:
            seconds = pause(error, backoff(attempt))
            if seconds is None:
                raise
        time.sleep(seconds)
    return call()


def pause_of_status(status: int, headers: Any, otherwise: float) -> float | None:  # noqa: ANN401 - any library's
    """Return the seconds to wait after an HTTP answer, None if there should be no other try.

    Those that `Retry-After: 7` or the Hub's `RateLimit: "api";r=0;t=7` ask for, up to five minutes;
    else `otherwise`.
    """
    if status not in _TRANSIENT:
        return None
    text = headers.get("retry-after", "").strip()
    if not text:
        fields = dict(
            field.strip().partition("=")[::2] for field in headers.get("ratelimit", "").split(";")
        )
        text = fields.get("t", "") if fields.get("r") == "0" else ""
    if not text.isdecimal():
        return otherwise
    return float(text) if float(text) <= _LONGEST_PAUSE else None
