"""Connections: pooled, through the environment's proxies, without credentials of their own."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from aimodels_fetcher.deadlines import watch
from aimodels_fetcher.environment import ca_bundle, proxies
from aimodels_fetcher.framing import StrictResponse
from aimodels_fetcher.http_errors import has_cause, sorted_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 20.0
# What becomes of connections that have been idle for long, and of those that we have closed.
_CUTS = (ConnectionResetError, BrokenPipeError, urllib3.exceptions.ClosedPoolError)
_FAULTS = (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError)

# What http.client makes of responses, for urllib3's connections of both kinds.
urllib3.connection.HTTPConnection.response_class = StrictResponse


class Connections:
    """Sends single requests; safe to use from several threads, because urllib3's pools are.

    Args:
        most: How many to keep open for each server.
        ca_variables: Variables that may name a file with certificates, before those that all
            programs know.
    """

    def __init__(self, most: int, ca_variables: Sequence[str] = ()) -> None:
        watch()
        self._most = most
        self._adapter = self._fresh_adapter()
        self._answered: set[str] = set()
        self._ca_variables = ca_variables
        self._settings: dict[str, tuple[dict[str, str], str | bool]] = {}

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
            SettingError: The environment's proxy or certificates cannot be used.
            FetchError: A bad URL, or a certificate that is not trusted.
        """
        server = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        server_proxies, verify = self._settings_for(server)
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
                    verify=verify,
                    proxies=server_proxies,
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

    def _settings_for(self, server: str) -> tuple[dict[str, str], str | bool]:
        """Return the proxies and the certificates for a server; both are slow to look up."""
        if server not in self._settings:
            verify = server.startswith("https:") and ca_bundle(*self._ca_variables)
            self._settings[server] = proxies(server), verify
        return self._settings[server]
