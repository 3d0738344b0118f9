"""What can go wrong, in the two kinds that matter to the caller."""

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


class TransientError(Exception):
    """A failure that may go away by itself.

    Args:
        message: What happened, without any secret.
        wait: Seconds that the server asked to wait for, or None where it named no time.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait
