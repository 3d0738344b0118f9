"""What the Hub's refusals mean, in words and with a next step."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aimodels_fetcher.errors import ContentError, SizeError, StatusError
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import THIS_COMMAND, MissingRevisionError, SourceError
from aimodels_gen.net.faults import causes, fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.net.faults import Fault
    from aimodels_gen.sources.huggingface import HuggingFace

_SHORT_COMMIT = re.compile("[0-9a-f]{7,39}")
_LOG_IN = "set HF_TOKEN or run `hf auth login`"
# Where huggingface_hub looks before the file that `hf auth login` writes (its utils/_auth.py).
_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER = 401, 403, 429, 500
# What huggingface_hub goes by (its utils/_http.py, hf_raise_for_status).
_DISABLED = "Access to this resource is disabled."
_BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the Hub's words


class OddAnswerError(SourceError):
    """An answer that no Hub would give."""


class MissingRepoError(SourceError):
    """A Hub has no repository of that name and type, or does not show it."""


@dataclass(frozen=True)
class Request:
    """What was asked, of whom, and how.

    Attributes:
        endpoint: the Hub's URL, without a password.
        authenticated: whether a token was sent.
        refs: returns branches and tags; called only if the wanted one does not exist.
    """

    source: HuggingFace
    endpoint: str
    authenticated: bool
    refs: Callable[[], Iterable[str]] = tuple

    @property
    def page(self) -> str:
        """Return the URL of the repository's page."""
        return f"{self.endpoint}/{self.source.label}"


def explain(error: AimodelsError, request: Request) -> SourceError:
    """Return a `SourceError` that says what an error of the fetcher means for the request.

    One that is a `SourceError` already is returned as it is.
    """
    if isinstance(error, SourceError):
        return _no_hub(error.message, request) if isinstance(error, OddAnswerError) else error
    refusal = next((one for one in causes(error) if isinstance(one, StatusError)), None)
    return _refusal(refusal, request) if refusal else _fault(error, request)


def is_out(error: AimodelsError) -> bool:
    """Return whether an error is of the server, and will be the same whatever is asked of it."""
    found: Fault = fault(error)
    return found.kind == "unreachable" or found.status == _TOO_MANY


def wrong_content(error: AimodelsError, label: str, file: RemoteFile) -> SourceError | None:
    """Return what is wrong with bytes that are not the listed ones, None for another error."""
    for one in causes(error):
        if isinstance(one, (ContentError, SizeError)):
            return SourceError(
                f"{label} sent {counted(one.received, 'byte')} for {file.path!r} that are not "
                f"the listed {'ones' if file.size is None else counted(file.size, 'byte')}"
                f"{f' with git id {file.git_blob_id}' if file.git_blob_id else ''}",
                "try again; if it stays so, a proxy or the server alters the file",
            )
    return None


def _fault(error: AimodelsError, request: Request) -> SourceError:
    found = fault(error)
    if found.kind == "status":
        return _status(found.status, request)
    if found.kind == "unreachable":
        return SourceError(
            f"cannot reach {request.endpoint} for {request.source.label}: {found.reason}",
            found.hint
            or "check the address, the network, the proxy settings and HF_ENDPOINT, then try again",
            common=f"cannot reach {request.endpoint}: {found.reason}",
        )
    if found.kind == "unexpected":
        return _no_hub(found.reason, request)
    return SourceError(f"{request.endpoint}: {error.message}", error.hint)


def _refusal(error: StatusError, request: Request) -> SourceError:
    words: Callable[[Request], SourceError] | None = _WORDS.get(error.code)
    if words is None and error.detail == _DISABLED:
        words = _disabled
    if words is None and error.status == _UNAUTHORIZED and error.detail != _BAD_TOKEN:
        words = _not_found  # so the Hub says that there is nothing that we may see
    return words(request) if words else _status(error.status, request)


def _gated(request: Request) -> SourceError:
    account = " with the account of your token" if request.authenticated else f", then {_LOG_IN}"
    return SourceError(
        f"{request.source.label} is gated, and access to its files is refused",
        f"ask for access at {request.page}{account}",
    )


def _disabled(request: Request) -> SourceError:
    return SourceError(
        f"{request.source.label} has been disabled",
        f"{request.page} may say why; use another repository",
    )


def _not_found(request: Request) -> SourceError:
    private = "check that your token may read it" if request.authenticated else _LOG_IN
    return MissingRepoError(
        f"{request.endpoint} has no {request.source.label}, or it is private",
        f"check the spelling and repo_type; if it is private, {private}",
    )


def _no_revision(request: Request) -> SourceError:
    source = request.source
    if source.rev is not None:
        return MissingRevisionError(
            f"{source.label} has no commit {source.rev}",
            f"write a commit of {request.page}/commits/main, or a branch or tag in ref",
        )
    known = sorted(request.refs())
    plain = unquote(source.ref)  # as in addresses of the Hub's pages
    close = [plain] if plain != source.ref else difflib.get_close_matches(source.ref, known, n=3)
    if _SHORT_COMMIT.fullmatch(source.ref):
        hint = f"write all 40 digits of a commit: {request.page}/commits/main has them"
    elif close:
        hint = f"did you mean {' or '.join(close)}?"
    else:
        hint = f"there are {', '.join(known[:8])}" if known else "check its branches and tags"
    return MissingRevisionError(f"{source.label} has no branch or tag {source.ref!r}", hint)


def _no_entry(request: Request) -> SourceError:
    return SourceError(
        f"{request.source.label} lists a file that {request.endpoint} does not have",
        "try again later, or without a mirror",
    )


def _status(status: int, request: Request) -> SourceError:
    server, label = request.endpoint, request.source.label
    common: str | None = None
    if status in {_UNAUTHORIZED, _FORBIDDEN} and request.authenticated:
        common = f"{server} refused your token"
        what = f"{common} for {label}"
        hint = (
            "log in again with `hf auth login`, or use public models without it: `hf auth logout`"
        )
        if setting := next((name for name in _TOKEN_VARIABLES if os.environ.get(name)), None):
            hint = f"renew it in {setting}, or unset {setting}"
    elif status in {_UNAUTHORIZED, _FORBIDDEN}:
        what, hint = f"{server} refused access to {label}", _LOG_IN
    elif status == _TOO_MANY:
        common = f"{server} limits the rate of requests"
        what = f"{common}, here for {label}"
        more = f"{_LOG_IN}: a token raises the limit"
        if request.authenticated:
            more = "make fewer requests at a time, as with -j 4"
        hint = f"wait five minutes, or {more}"
    elif status >= _SERVER:
        common = f"{server} failed"
        what, hint = f"{common} for {label}", "try again later"
    else:
        what, hint = f"{server} refused to answer for {label}", "check HF_ENDPOINT and the source"
    common = f"{common} (HTTP {status})" if common else None
    return SourceError(f"{what} (HTTP {status})", hint, common=common)


def _no_hub(reason: str, request: Request) -> SourceError:
    return SourceError(
        f"{request.endpoint} does not answer like a Hub about {request.source.label}: {reason}",
        "check HF_ENDPOINT and the model's endpoint",
        common=f"{request.endpoint} does not answer like a Hub: {reason}",
    )


# By the Hub's X-Error-Code.
_WORDS: dict[str, Callable[[Request], SourceError]] = {
    "GatedRepo": _gated,
    "RepoNotFound": _not_found,
    "RevisionNotFound": _no_revision,
    "EntryNotFound": _no_entry,
}


def offline(variables: Sequence[str]) -> SourceError:
    """Return why the Hub is not asked; it is the same for all models of a run."""
    verb = "is" if len(variables) == 1 else "are"
    unset = " ".join(f"-u {name}" for name in variables)
    reason = f"must be looked up on the Hub, but {' and '.join(variables)} {verb} set"
    hint = f"to go online for this command, run `env {unset} {THIS_COMMAND}`"
    return SourceError(f"it {reason}", hint, common=f"they {reason}")


def one_line(error: BaseException) -> str:
    """Return what an exception says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
