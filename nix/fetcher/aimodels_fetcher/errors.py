"""What can go wrong: every error has one line that says what, and a hint that says what to do."""

from __future__ import annotations

UPDATE = "run `aimodels-gen update NAME` with the name of the model"
"""The next step where what is pinned is gone: locking alone keeps a pin."""

PREFETCH = "run `aimodels-gen prefetch NAME` with the name of the model"
"""The next step where builds lack what the user has: tokens, keys, a proxy."""

_NETWORK = "check the network and the proxy settings (of nix-daemon in builds), then try again"


class AimodelsError(Exception):
    """One thing that went wrong.

    Args:
        message: One line: what is wrong and where, without a trailing full stop or any secret.
        hint: The next step for the reader, or None where there is none.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class FetchError(AimodelsError):
    """A failure that another try cannot mend."""


class SettingError(FetchError):
    """A variable, or the machine, makes it impossible to ask for anything."""


class DiskFullError(FetchError):
    """There is no space for what was fetched."""


class ContentError(FetchError):
    """The bytes that arrived are not those that were listed.

    Args:
        message: As for every error.
        hint: As for every error.
        path: Path of the file in the model.
        received: Number of bytes that arrived, or were announced.
        difference: What was expected and what was received, or empty.
    """

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        path: str = "",
        received: int = 0,
        difference: str = "",
    ) -> None:
        super().__init__(message, hint)
        self.path = path
        self.received = received
        self.difference = difference


class TransientError(AimodelsError):
    """A failure that may go away by itself.

    Args:
        message: What happened.
        wait: Seconds that the server asked to wait for, or None where it named no time.
        crowded: Whether fewer connections at once might help.
        hint: The next step if it does not go away.
        status: HTTP status of the answer, or None where there was no answer.
        told: Whether the wait has been reported.
    """

    def __init__(  # noqa: PLR0913 (one for each thing that is known)
        self,
        message: str,
        wait: float | None = None,
        *,
        crowded: bool = False,
        hint: str = _NETWORK,
        status: int | None = None,
        told: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.wait = wait
        self.crowded = crowded
        self.status = status
        self.told = told


class UnexpectedAnswerError(TransientError):
    """An answer that is not of the kind that was asked for: a login page, a damaged document."""


class SizeError(TransientError):
    """An answer that announces, or has, another number of bytes than was listed.

    Args:
        message: As for every error.
        hint: As for every error.
        received: That number of bytes.
    """

    def __init__(self, message: str, hint: str | None = None, *, received: int) -> None:
        super().__init__(message)
        self.hint = hint
        self.received = received


class StatusError(AimodelsError):
    """An answer that refuses, and that another try will not change.

    Args:
        status: HTTP status.
        code: The Hub's `X-Error-Code`, S3's `Code`, or an empty string.
        url: Address without its query, which may hold a signature.
        region: Where S3 says that the bucket is, or an empty string.
        detail: The server's own words: the Hub's `X-Error-Message`, the text of S3's `Message`, or
            an empty string.
    """

    def __init__(
        self, status: int, code: str, url: str, region: str = "", detail: str = ""
    ) -> None:
        super().__init__(f"HTTP {status}{f' ({code})' if code else ''} from {url}")
        self.status = status
        self.code = code
        self.url = url
        self.region = region
        self.detail = detail
