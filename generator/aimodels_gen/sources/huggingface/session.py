"""How requests to the Hub are made: timeouts, where the token may go, what is tried again."""

from __future__ import annotations

import logging
import os
import time
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from huggingface_hub import constants, get_session, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils._http import default_client_factory

from aimodels_gen.sources.huggingface.endpoints import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")

# huggingface_hub derives its error from its HTTP library's own (httpx or httpx2, by version) and
# from OSError: its bases are what either library raises when there is no answer at all.
TRANSPORT_ERRORS = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)

# Those of them for a server that cannot be reached, or says nothing.
NO_ANSWER: type[Exception] = import_module(TRANSPORT_ERRORS[0].__module__).TransportError

# Seconds. huggingface_hub waits for ever by default.
_TIMEOUT = {"connect": 15.0, "read": 60.0, "write": 60.0, "pool": None}
TRIES = 4
"""How often to ask a server; TRIES_BEFORE_ANOTHER where there is somebody else to ask."""
TRIES_BEFORE_ANOTHER = 2
_FIRST_PAUSE = 0.5
# The Hub's rate limits are counted in windows of five minutes: waiting longer cannot help.
_LONGEST_PAUSE = 300.0
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def set_up(token_origins: Collection[str]) -> None:
    """Make huggingface_hub's session ours, and keep its log and warnings off stderr.

    `token_origins` is read at every request: the token is dropped from any request to an origin
    (see `origin`) that is not in it, whatever link or redirect led there.
    """
    if not os.environ.get("AIMODELS_DEBUG"):
        logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module=r"huggingface_hub\.")
    # With it on, a list for the user agent is asked of huggingface.co, even for another endpoint.
    constants.HF_HUB_DISABLE_TELEMETRY = True

    def before_request(request: Any) -> None:  # noqa: ANN401 - httpx.Request or httpx2.Request
        request.extensions["timeout"] = dict(_TIMEOUT)
        token = request.headers.get("Authorization", "").startswith("Bearer ")
        if token and origin(str(request.url)) not in token_origins:
            del request.headers["Authorization"]

    def factory() -> Any:  # noqa: ANN401 - httpx.Client or httpx2.Client
        client = default_client_factory()
        hooks = client.event_hooks
        client.event_hooks = {**hooks, "request": [*hooks["request"], before_request]}
        return client

    set_client_factory(factory)
    get_session()  # now: threads that come first together could make one each


def retrying(call: Callable[[], T], tries: int) -> T:
    """Return what `call` returns, calling it up to `tries` times while failures look transient.

    Pauses double from half a second; a `Retry-After` or rate-limit header that asks for more is
    honoured up to five minutes.

    Raises:
        Exception: whatever the last call raised.
    """
    for attempt in range(1, tries):
        try:
            return call()
        except OfflineModeIsEnabled:
            raise  # a ConnectionError by inheritance only
        except TRANSPORT_ERRORS as error:
            pause = _pause(error, attempt)
            if pause is None:
                raise
        time.sleep(pause)
    return call()


def _pause(error: Exception, attempt: int) -> float | None:
    """Return the seconds to wait before the next try, None if there should be none."""
    backoff: float = _FIRST_PAUSE * 2 ** (attempt - 1)
    if not isinstance(error, HfHubHTTPError):
        return backoff
    if error.response.status_code not in _TRANSIENT_STATUS:
        return None
    asked = _asked_pause(error.response.headers)
    if asked is None:
        return backoff
    return asked if asked <= _LONGEST_PAUSE else None


def _asked_pause(headers: Any) -> float | None:  # noqa: ANN401 - httpx.Headers or httpx2.Headers
    """Return what `Retry-After: 7` or the Hub's `RateLimit: "api";r=0;t=7` asks for."""
    text = headers.get("retry-after", "").strip()
    if not text:
        fields = dict(
            field.strip().partition("=")[::2] for field in headers.get("ratelimit", "").split(";")
        )
        text = fields.get("t", "") if fields.get("r") == "0" else ""
    return float(text) if text.isdecimal() else None
