"""What can go wrong, in the kinds that matter to the caller."""

from __future__ import annotations


class FetchError(Exception):
    """A failure that trying again cannot mend.

    Args:
        message: One line: what is wrong and where.
        hint: The next step for the person who reads the build log, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DiskFullError(FetchError):
    """There is no space for what was fetched."""


class TransientError(Exception):
    """A failure that may go away by itself.

    Args:
        message: What happened, without any secret.
        wait: Seconds that the server asked to wait for, or None where it named no time.
        crowded: Whether fewer connections at once might help.
        hint: The next step if it does not go away.
    """

    def __init__(
        self,
        message: str,
        wait: float | None = None,
        *,
        crowded: bool = False,
        hint: str = "check the network and the proxy settings of nix-daemon, then build again",
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.wait = wait
        self.crowded = crowded


class StatusError(Exception):
    """An answer that refuses, and that trying again will not change.

    Args:
        status: HTTP status.
        code: The Hub's `X-Error-Code`, S3's `Code`, or an empty string.
        url: Address without its query, which may hold a signature.
        region: Where S3 says that the bucket is, or an empty string.
    """

    def __init__(self, status: int, code: str, url: str, region: str = "") -> None:
        super().__init__(f"HTTP {status}{f' ({code})' if code else ''} from {url}")
        self.status = status
        self.code = code
        self.region = region
