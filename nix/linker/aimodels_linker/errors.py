"""The errors that a run reports."""

from __future__ import annotations


class LinkError(Exception):
    """A failure to report to the user.

    Args:
        message: What is wrong and where, on one line.
        hint: The next step for the user, or None where there is none.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InTheWayError(LinkError):
    """A file, link or directory of someone else is where one of ours belongs.

    Args:
        path: Its absolute path.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is in the way", "move it away, and activate again")
        self.path = path
