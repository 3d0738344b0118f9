"""What can go wrong: every failure that a user can mend is an `AimodelsError` with a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class AimodelsError(Exception):
    """One thing that went wrong, in one line, and what to do about it.

    Attributes:
        message: what is wrong and where (file, model, key), without a trailing full stop.
        hint: the next step for the reader; None only where there is none.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep `message` and `hint`; the CLI edge prints them as `error: …` and `hint: …`."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class ManifestError(AimodelsError):
    """models.toml does not say what to do."""


class LockError(AimodelsError):
    """models.lock cannot be used."""


class SourceError(AimodelsError):
    """A source (the Hub, …) did not give what was asked of it."""


class StoreError(AimodelsError):
    """The Nix store or the bundled fetcher failed."""


class CombinedError(AimodelsError):
    """Several models failed, each for its own reason: all are reported."""

    def __init__(self, failures: Sequence[AimodelsError]) -> None:
        """Keep every failure, in the manifest's order."""
        super().__init__("; ".join(failure.message for failure in failures))
        self.failures = tuple(failures)
