"""Short waits between tries, for tests of what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher import retry

if TYPE_CHECKING:
    import pytest

QUICK = {"_FIRST_WAIT": 0.01, "_LONGEST_WAIT": 0.05}
"""Seconds; without the second, twelve tries take a quarter of a minute."""


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have short waits in this process."""
    for name, value in QUICK.items():
        monkeypatch.setattr(retry, name, value)
