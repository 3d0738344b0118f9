"""What can go wrong, in the kinds that matter here; each has a message and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "THIS_COMMAND",
    "AimodelsError",
    "CombinedError",
    "InvalidManifestError",
    "LockError",
    "ManifestError",
    "MissingRevisionError",
    "SourceError",
    "StoreError",
]

THIS_COMMAND = "aimodels-gen ..."
"""In a hint, the command that is running; the command line writes it out."""


class ManifestError(AimodelsError):
    """models.toml does not say what to do."""


class LockError(AimodelsError):
    """models.lock cannot be used."""


class SourceError(AimodelsError):
    """A source (the Hub, …) did not return what was asked of it.

    Attributes:
        common: the message for several models that fail for one cause outside of them.
    """

    def __init__(self, message: str, hint: str | None = None, *, common: str | None = None) -> None:
        """Keep what to say about one model, and about several."""
        super().__init__(message, hint)
        self.common = common


class MissingRevisionError(SourceError):
    """A repository has no commit, branch or tag of that name, or not any more."""


class StoreError(AimodelsError):
    """The Nix store failed."""


class CombinedError(AimodelsError):
    """Several models failed, each for its own reason: all are reported."""

    def __init__(self, failures: Sequence[AimodelsError], hint: str | None = None) -> None:
        """Keep every failure, in the manifest's order; `hint` is about all of them."""
        super().__init__("; ".join(failure.message for failure in failures), hint)
        self.failures = tuple(failures)


class InvalidManifestError(ManifestError, CombinedError):
    """Several models of models.toml are wrong: all are reported."""
