"""How requests to the Hub are made: timeouts, where the token may go, what is tried again."""

from __future__ import annotations

import logging
import os
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from huggingface_hub import constants, get_session, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils._http import default_client_factory

from aimodels_fetcher.urls import origin
from aimodels_gen.net import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")
Origin: TypeAlias = tuple[str, "str | None", "int | None"]

# huggingface_hub derives its error from its HTTP library's own (httpx or httpx2, by version) and
# from OSError: its bases are what either library raises when there is no answer at all.
TRANSPORT_ERRORS = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)

# Those of them for a server that cannot be reached, or says nothing.
NO_ANSWER: type[Exception] = import_module(TRANSPORT_ERRORS[0].__module__).TransportError

# Seconds. huggingface_hub waits for ever by default.
_TIMEOUT = {"connect": 15.0, "read": 60.0, "write": 60.0, "pool": None}


def set_up(token_origins: Collection[Origin]) -> None:
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

    See `retry.retrying`.

    Raises:
        Exception: whatever the last call raised.
    """
    return retry.retrying(call, tries, TRANSPORT_ERRORS, _pause)


def _pause(error: Exception, backoff: float) -> float | None:
    if isinstance(error, OfflineModeIsEnabled):
        return None  # a ConnectionError by inheritance only
    if isinstance(error, HfHubHTTPError):
        return retry.pause_of_status(error.response.status_code, error.response.headers, backoff)
    return backoff
