"""The fetcher against everything that may go wrong, with less patience than its users need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.hub import Hub
from support.tls import Authority
from support.verdict import TOKEN, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.fetcher import Fetch


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """A Hub that knows the token."""
    hub.allow(TOKEN)
    return hub


@pytest.fixture
def fetch(fetch: Fetch) -> Fetch:
    """Run the fetcher, with a token, and with waits that are a small part of its own."""
    fetch.env["HF_TOKEN"] = TOKEN
    return fetch.but(
        retry__FIRST_WAIT=0.01,
        retry__LONGEST_WAIT=0.05,
        connections__READ_SECONDS=1.0,
        connections__CONNECT_SECONDS=2.0,
        response__WINDOW_SECONDS=1.0,
        worker_pool__INTERVAL=0.05,
    )


@pytest.fixture
def verdict(hub: Hub, record_property: Callable[[str, object], None]) -> Verdict:
    """Judge what has come of a fault, and count it."""
    return Verdict(hub, record_property)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA that nobody trusts."""
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(authority: Authority, verdict: Verdict) -> Iterator[Hub]:
    """A Hub that speaks TLS."""
    with Hub(tls=authority.server()) as hub:
        hub.allow(TOKEN)
        verdict.hub = hub
        yield hub
