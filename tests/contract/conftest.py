"""The fetcher, as the contract of sources is tried on it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from support.fetcher import PYTHONS, Fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fetch(tmp_path: Path) -> Iterator[Fetch]:
    """Run the fetcher as sandboxed builds do, with less patience."""
    with contextlib.closing(Fetch(PYTHONS["old-requests"], tmp_path)) as fetch:
        yield fetch.quick
