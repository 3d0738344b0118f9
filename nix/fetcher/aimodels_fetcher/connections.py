"""Connections: pooled, through the environment's proxies, without credentials of their own."""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.header_deadline import PunctualResponse, watch
from aimodels_fetcher.http_errors import has_cause, sorted_fault
from aimodels_fetcher.urls import is_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 20.0
# What becomes of connections that have been idle for long, and of those that we have closed.
_CUTS = (ConnectionResetError, BrokenPipeError, urllib3.exceptions.ClosedPoolError)
_FAULTS = (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError)

# What http.client makes of responses, for urllib3's connections of both kinds.
urllib3.connection.HTTPConnection.response_class = PunctualResponse


class Connections:
    """Sends single requests; safe to use from several threads, because urllib3's pools are.

    Args:
        most: How many to keep open for each server.
        ca_bundle: A file with certificates; None for the environment's.
    """

    def __init__(self, most: int, ca_bundle: str | None = None) -> None:
        watch()
        self._most = most
        self._adapter = self._fresh_adapter()
        self._answered: set[str] = set()
        bundles = (ca_bundle, *map(os.environ.get, _ca_variables()))
        self._verify: str | bool = next((p for p in bundles if p and Path(p).is_file()), True)
        self._proxies: dict[str, dict[str, str]] = {}

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        sign: Callable[[str, str], Mapping[str, str]] | None = None,
    ) -> requests.Response:
        """Return the response to one request; redirects are not followed, the body is not read.

        Args:
            method: GET or HEAD.
            url: What to ask for.
            headers: To send.
            sign: Returns more headers for the method, and for the URL as it will be sent: a
                signature is good for one spelling of it.

        Raises:
            TransientError: Worth another try.
            FetchError: A bad URL or setting, or a certificate that is not trusted.
        """
        server = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        for last in (False, True):
            idle = server in self._answered
            try:
                request = requests.Request(method, url, headers).prepare()
                if sign:
                    request.headers.update(sign(method, request.url or url))
                response = self._adapter.send(
                    request,
                    stream=True,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    verify=self._verify,
                    proxies=self._proxies_for(server),
                )
            except _FAULTS as error:
                # Idle connections may be over as well, or be all that the server has room for.
                self.hang_up()
                if last or not idle or not has_cause(error, _CUTS):
                    raise sorted_fault(url, error, crowded=True) from error
            else:
                self._answered.add(server)
                return response
        raise AssertionError  # the loop returns or raises

    def hang_up(self) -> None:
        """Close all idle connections; those in use are closed when they are no longer."""
        self._answered.clear()
        adapter, self._adapter = self._adapter, self._fresh_adapter()
        # Closing the adapter would leave that to Python's garbage collection.
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
            for pool in map(manager.pools.get, manager.pools.keys()):
                if pool:
                    pool.close()

    def _fresh_adapter(self) -> requests.adapters.HTTPAdapter:
        # Not a Session, which would take credentials for any host from a .netrc, keep cookies, and
        # look into redirects itself.
        return requests.adapters.HTTPAdapter(pool_maxsize=self._most)

    def _proxies_for(self, server: str) -> dict[str, str]:
        if server not in self._proxies:
            proxies = requests.utils.get_environ_proxies(server)
            _check_proxy(requests.utils.select_proxy(server, proxies))
            self._proxies[server] = proxies
        return self._proxies[server]


def _check_proxy(proxy: str | None) -> None:
    """Refuse a proxy's address that is not valid, without quoting it: it may hold a password.

    Raises:
        FetchError: It is not; the message names the variable.
    """
    if proxy is None:
        return
    try:
        url = str(requests.utils.prepend_scheme_if_needed(proxy, "http"))  # type: ignore[no-untyped-call]
        valid = is_shown(url) and bool(urllib3.util.parse_url(url).host)
    except ValueError:
        valid = False
    if not valid:
        names = (name for name, value in os.environ.items() if value == proxy)
        name = min((n for n in names if n.lower().endswith("_proxy")), default="the proxy")
        raise FetchError(
            f"{name} does not hold the address of a proxy",
            "write http://host:port or http://user:password@host:port, and encode what is special "
            "in the password: / as %2F, @ as %40, : as %3A",
        )


def _ca_variables() -> tuple[str, ...]:
    """Return the variables that may name a file with certificates, the decisive one first."""
    ours, nix = "SSL_CERT_FILE", "NIX_SSL_CERT_FILE"
    # In a build the one is that of nixpkgs, and the other that of the daemon, whose word counts.
    first = (nix, ours) if os.environ.get("NIX_BUILD_TOP") else (ours, nix)
    return (*first, "REQUESTS_CA_BUNDLE")
