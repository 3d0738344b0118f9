"""What huggingface_hub's exceptions mean, in words and with a next step."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from aimodels_gen.errors import SourceError
from aimodels_gen.sources.huggingface.session import NO_ANSWER, TRANSPORT_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimodels_gen.sources.huggingface import HuggingFace

_LOG_IN = "set HF_TOKEN or run `hf auth login`"
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER = 401, 403, 429, 500
# What comes of an answer that is no JSON, or not the Hub's.
_ODD_ANSWERS = (HFValidationError, ValueError, KeyError, TypeError, AttributeError)
EXPECTED: tuple[type[Exception], ...] = (*TRANSPORT_ERRORS, *_ODD_ANSWERS)


@dataclass(frozen=True)
class Request:
    """What was asked, of whom, and how.

    Attributes:
        endpoint: the Hub's address.
        authenticated: whether a token was sent.
        refs: lists branches and tags; asked only if the wanted one does not exist.
    """

    source: HuggingFace
    endpoint: str
    authenticated: bool
    refs: Callable[[], Iterable[str]] = tuple

    @property
    def page(self) -> str:
        """Return the address of the repository's page."""
        return f"{self.endpoint}/{self.source.label}"


def explain(error: Exception, request: Request) -> SourceError:
    """Return a `SourceError` that says what `error`, one of EXPECTED, means for the request.

    One that is a `SourceError` already is returned as it is.
    """
    if isinstance(error, SourceError):
        return error
    return next(words(error, request) for kinds, words in _TABLE if isinstance(error, kinds))


def is_out(error: Exception) -> bool:
    """Return whether `error` is of the server, and will be the same whatever is asked of it."""
    if isinstance(error, HfHubHTTPError):
        return bool(error.response.status_code == _TOO_MANY)
    return isinstance(error, NO_ANSWER)


def _gated(_: Exception, request: Request) -> SourceError:
    account = " with the account of your token" if request.authenticated else f", then {_LOG_IN}"
    return SourceError(
        f"{request.source.label} is gated, and access to its files is refused",
        f"ask for access at {request.page}{account}",
    )


def _disabled(_: Exception, request: Request) -> SourceError:
    return SourceError(f"{request.source.label} has been disabled", f"see {request.page}")


def _not_found(_: Exception, request: Request) -> SourceError:
    private = "check that your token may read it" if request.authenticated else _LOG_IN
    return SourceError(
        f"{request.endpoint} has no {request.source.label}, or it is private",
        f"check the spelling and repo_type; if it is private, {private}",
    )


def _no_revision(_: Exception, request: Request) -> SourceError:
    source = request.source
    if source.rev is not None:
        return SourceError(
            f"{source.label} has no commit {source.rev}", f"see {request.page}/commits/main"
        )
    known = sorted(request.refs())
    close = difflib.get_close_matches(source.ref, known, n=3)
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    else:
        hint = f"there are {', '.join(known[:8])}" if known else "check its branches and tags"
    return SourceError(f"{source.label} has no branch or tag {source.ref!r}", hint)


def _no_entry(_: Exception, request: Request) -> SourceError:
    return SourceError(
        f"{request.source.label} lists a file that {request.endpoint} does not have",
        "try again later, or without a mirror",
    )


def _offline(_: Exception, request: Request) -> SourceError:
    return SourceError(
        f"{request.source.label} must be looked up, but HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE "
        "is set",
        "unset it, or keep to models that are locked already",
    )


def _status(error: Exception, request: Request) -> SourceError:
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    server, label = request.endpoint, request.source.label
    if status in {_UNAUTHORIZED, _FORBIDDEN} and request.authenticated:
        what = f"{server} refused your token for {label}"
        hint = "renew it in HF_TOKEN or with `hf auth login`, or unset it for public models"
    elif status in {_UNAUTHORIZED, _FORBIDDEN}:
        what, hint = f"{server} refused access to {label}", _LOG_IN
    elif status == _TOO_MANY:
        what = f"{server} limits the rate of requests, here for {label}"
        hint = "wait five minutes" if request.authenticated else f"wait five minutes, or {_LOG_IN}"
    elif status >= _SERVER:
        what, hint = f"{server} failed for {label}", "try again later"
    else:
        what, hint = f"{server} refused to answer for {label}", "check HF_ENDPOINT and the source"
    return SourceError(f"{what} (HTTP {status})", hint)


def _unreachable(error: Exception, request: Request) -> SourceError:
    return SourceError(
        f"cannot reach {request.endpoint} for {request.source.label}: {_one_line(error)}",
        "check the address, the network, the proxy settings and HF_ENDPOINT, then try again",
    )


def _no_hub(error: Exception, request: Request) -> SourceError:
    return SourceError(
        f"{request.endpoint} does not answer like a Hub about {request.source.label}: "
        f"{_one_line(error)}",
        "check HF_ENDPOINT and the model's endpoint",
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# The first that fits. GatedRepoError is a RepositoryNotFoundError, all of these are HTTP errors,
# and those and being offline are OSErrors, like whatever the network does.
_TABLE: tuple[
    tuple[
        type[Exception] | tuple[type[Exception], ...], Callable[[Exception, Request], SourceError]
    ],
    ...,
] = (
    (GatedRepoError, _gated),
    (DisabledRepoError, _disabled),
    (RepositoryNotFoundError, _not_found),
    (RevisionNotFoundError, _no_revision),
    (EntryNotFoundError, _no_entry),
    (HfHubHTTPError, _status),
    (OfflineModeIsEnabled, _offline),
    (TRANSPORT_ERRORS, _unreachable),
    (_ODD_ANSWERS, _no_hub),
)
