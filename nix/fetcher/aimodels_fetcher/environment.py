"""What the environment says: limits, proxies and certificates.

A setting is checked when a request needs it. A mistake in another setting is not a failure.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aimodels_fetcher.errors import SettingError
from aimodels_fetcher.urls import is_server

if TYPE_CHECKING:
    import ssl

# What nixpkgs' stdenv sets where nobody else has set anything.
_NO_FILE = "/no-cert-file.crt"
_PROXY_VARIABLE = re.compile("(?i:(?:https?|all)_proxy)")
_PROXY = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@\s\\]*@)?)?(?P<host>[^/?#@\s\\]+)/?"
)


def in_build() -> bool:
    """Return whether this process is part of a build.

    Nix sets the first of these variables for builds and in development shells, and the second in
    development shells only (Nix manual, `nix-shell`, `nix develop`).
    """
    return bool(os.environ.get("NIX_BUILD_TOP")) and not os.environ.get("IN_NIX_SHELL")


def whose() -> str:
    """Return whose environment a reader has to change, to add to a hint."""
    return " in the environment of nix-daemon" if in_build() else ""


def limit(variable: str, default: int) -> int:
    """Return a limit that a variable may change.

    Raises:
        SettingError: It is not a number of at least 1.
    """
    text = os.environ.get(variable) or str(default)
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise SettingError(
            f"{variable}={text!r} is not a number of at least 1",
            f"unset it for the default of {default}{whose()}",
        )
    return int(text)


def proxy_for(server: str) -> str | None:
    """Return the URL of the proxy for a server, perhaps without its scheme; None for no proxy.

    Args:
        server: `scheme://host:port`.

    Raises:
        SettingError: The variable does not name an HTTP proxy.
    """
    if sys.platform == "linux" and not any(map(_PROXY_VARIABLE.fullmatch, os.environ)):
        return None
    import requests  # noqa: PLC0415 (slow to import; it knows what no_proxy means)

    proxy = requests.utils.select_proxy(server, requests.utils.get_environ_proxies(server))
    if not proxy:
        return None
    scheme = urlsplit(server).scheme
    name = _name(proxy, scheme)
    parts = _PROXY.fullmatch(proxy)
    if not parts or not proxy.isprintable() or not is_server(f"http://{parts['host']}"):
        # It is not quoted: who knows where in it a password is.
        raise SettingError(
            f"{name} is not the address of a proxy",
            "write it as http://host:port or http://user:password@host:port, and in a password "
            f"%2F for /, %3F for ?, %23 for #, %40 for @{whose()}",
        )
    kind = (parts["scheme"] or "http").lower()
    if kind not in {"http", "https"}:
        raise SettingError(
            f"{name}={kind}://{parts['host']} is not an HTTP proxy, and only those can be used",
            f"name one as http://host:port, or unset {name}{whose()}",
        )
    return str(proxy)


def tls_context(*names: str) -> ssl.SSLContext:
    """Return what checks the certificates of servers: with the file to trust, or with certifi's.

    In a build, a file of the daemon's environment may be outside of the sandbox: then nixpkgs' one
    serves.

    Args:
        names: Variables that count more than those for all programs.

    Raises:
        SettingError: A variable names a file that has no certificates.
    """
    import ssl  # noqa: PLC0415 (not there where entries are only assembled)

    for name in (*names, *_ca_variables()):
        path = os.environ.get(name)
        if not path or path == _NO_FILE or (in_build() and not Path(path).exists()):
            continue
        try:
            return _trusting(path)
        except ssl.SSLError:
            reason = "there are no certificates in it, or damaged ones"
        except OSError as error:
            reason = error.strerror or str(error)
        raise SettingError(
            f"{name}={path}: {reason}",
            f"name a file with certificates in PEM, or unset {name}{whose()}",
        )
    import certifi  # noqa: PLC0415 (builds have a file of their own)

    return _trusting(certifi.where())


@cache
def _trusting(path: str) -> ssl.SSLContext:
    """Return a context that trusts a file of certificates, or a directory as of `openssl rehash`.

    It is not `ssl.create_default_context`, which refuses many CAs of companies from Python 3.13 on.
    """
    import ssl  # noqa: PLC0415 (as below)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    is_directory = Path(path).is_dir()
    context.load_verify_locations(None if is_directory else path, path if is_directory else None)
    return context


def _ca_variables() -> tuple[str, ...]:
    """Return the variables that may name a file with certificates, the decisive one first."""
    ours, nix = "SSL_CERT_FILE", "NIX_SSL_CERT_FILE"
    # In a build the one is that of nixpkgs, and the other that of the daemon, whose word counts.
    first = (nix, ours) if in_build() else (ours, nix)
    return (*first, "REQUESTS_CA_BUNDLE")


def _name(proxy: str, scheme: str) -> str:
    """Return the variable that a proxy is from, as urllib.request.getproxies_environment reads."""
    names = [f"{kind}_proxy" for kind in (scheme, "all")]
    spelled = [spelling for name in names for spelling in (name, name.upper())]
    return next((name for name in spelled if os.environ.get(name) == proxy), "the proxy's setting")
