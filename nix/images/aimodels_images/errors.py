"""The error that builds and commands report."""

from __future__ import annotations


class ImageError(Exception):
    """A failure to report to the user.

    Args:
        message: What is wrong and where, on one line.
        hint: The next step for the user, or None where there is none.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
