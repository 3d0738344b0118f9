"""What the fetcher's errors say about a server; each client has its own words for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aimodels_fetcher.errors import (
    SettingError,
    StatusError,
    TransientError,
    UnexpectedAnswerError,
)
from aimodels_fetcher.machine_errors import connection_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_fetcher.errors import AimodelsError


@dataclass(frozen=True)
class Fault:
    """Why a server did not give what was asked for.

    Attributes:
        kind: unreachable: no answer, or none that can be trusted. status: a status that lasted
            after several tries. refused: a status that trying again does not change. unexpected:
            an answer of another kind than asked for. other: see the error itself.
        reason: in one line.
        status: HTTP status, 0 where there is none.
        hint: the next step, where it depends on the reason.
    """

    kind: Literal["unreachable", "status", "refused", "unexpected", "other"]
    reason: str
    status: int = 0
    hint: str | None = None


def fault(error: AimodelsError) -> Fault:
    """Return what an error of the fetcher says about the server."""
    for one in causes(error):
        if isinstance(one, StatusError):
            return Fault("refused", str(one), one.status)
        if isinstance(one, UnexpectedAnswerError):
            return Fault("unexpected", _without_url(one))
        if isinstance(one, TransientError):
            kind: Literal["status", "unreachable"] = "status" if one.status else "unreachable"
            reason = _without_url(one)
            return Fault(kind, reason, one.status or 0, connection_hint(reason))
        if isinstance(one, SettingError):
            return Fault("unreachable", _without_url(one), hint=one.hint)
    # The fetcher raises its own error for what requests raised; those are all OSErrors.
    if isinstance(error.__cause__, OSError):
        return Fault("unreachable", _without_url(error))
    return Fault("other", error.message)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error to what it was raised for, which may be the error itself."""
    inner: BaseException | None = error
    seen: list[BaseException] = []
    while inner is not None and inner not in seen:
        yield inner
        seen.append(inner)
        inner = inner.__cause__


def _without_url(error: BaseException) -> str:
    """Return the message without the URL before it, which messages of ours name in another way."""
    text = " ".join(str(error).split())
    url, _, rest = text.partition(": ")
    return rest if rest and "://" in url and "=" not in url else text
