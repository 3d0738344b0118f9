"""What the environment says: limits, proxies and certificates.

A setting is checked when a request needs it. A mistake in another setting is not a failure.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from aimodels_fetcher.errors import SettingError
from aimodels_fetcher.urls import is_server

# What nixpkgs' stdenv sets where nobody else has set anything.
_NO_FILE = "/no-cert-file.crt"
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


def proxies(server: str) -> dict[str, str]:
    """Return the proxy for a server as requests takes it; nothing where there is none.

    requests would look for one again for each request, and would raise errors of several kinds for
    one that it cannot use, or take its password for the port.

    Args:
        server: `scheme://host:port`.

    Raises:
        SettingError: The variable does not name an HTTP proxy.
    """
    import requests  # noqa: PLC0415 (not there where entries are only assembled)

    proxy = requests.utils.select_proxy(server, requests.utils.get_environ_proxies(server))
    if not proxy:
        return {}
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
    return {scheme: proxy}


def ca_bundle(*names: str) -> str | bool:
    """Return the file with the certificates to trust, True for those that requests brings.

    In a build, a file of the daemon's environment may be outside of the sandbox: then nixpkgs' one
    serves.

    Args:
        names: Variables that count more than those for all programs.

    Raises:
        SettingError: A variable names a file that has no certificates.
    """
    for name in (*names, *_ca_variables()):
        path = os.environ.get(name)
        if not path or path == _NO_FILE or (in_build() and not Path(path).exists()):
            continue
        if reason := _lacks_certificates(Path(path)):
            raise SettingError(
                f"{name}={path}: {reason}",
                f"name a file with certificates in PEM, or unset {name}{whose()}",
            )
        return path
    return True


def _lacks_certificates(path: Path) -> str | None:
    import ssl  # noqa: PLC0415 (not there where entries are only assembled)

    if path.is_dir():
        return None  # in the form of `openssl rehash`
    try:
        ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        return "there are no certificates in it, or damaged ones"
    except OSError as error:
        return error.strerror
    return None


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
