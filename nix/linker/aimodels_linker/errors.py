"""What can go wrong, in the kinds that matter to the caller."""

from __future__ import annotations


class LinkError(Exception):
    """A failure, said in one line: what is wrong and where, and what to do about it."""


class InTheWayError(LinkError):
    """Something of somebody else's is where something of ours belongs.

    Args:
        path: What is in the way, as an absolute path.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is in the way: move it away, and activate again")
        self.path = path
