"""The fetcher is tested as what it is: a program with a spec."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.log import redirected
from support.fetcher import PYTHONS, Fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=list(PYTHONS.values()), ids=list(PYTHONS))
def fetch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fetch]:
    """Run the fetcher."""
    with closing(Fetch(request.param, tmp_path)) as fetch:
        yield fetch


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Collect the lines that the fetcher reports in this process."""
    lines: list[str] = []
    with redirected(lines.append, lines.append):
        yield lines
