"""Logins for servers from netrc files, as Nix and curl read them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.redaction import learn
from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Iterator


def login_headers(host: str) -> dict[str, str]:
    """Return the header with a host's login, none where no file has one.

    The files are that of $NETRC, ~/.netrc, and the one that Nix reads; the first with the host
    counts.

    Raises:
        AimodelsError: A file is not one of logins.
    """
    for path in _files():
        found = _login(path, host)
        if found:
            user, password = found
            coded = base64.b64encode(f"{user}:{password}".encode()).decode()
            learn(password, coded)
            return {"Authorization": f"Basic {coded}"}
    return {}


def _files() -> Iterator[Path]:
    if named := os.environ.get("NETRC"):
        yield Path(named)
    home = os.path.expanduser("~/.netrc")  # noqa: PTH111 (a user may have no home)
    if home.startswith("/"):
        yield Path(home)
    yield Path(os.environ.get("NIX_CONF_DIR") or "/etc/nix", "netrc")


def _login(path: Path, host: str) -> tuple[str, str] | None:
    import netrc  # noqa: PLC0415 (rarely needed)

    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None  # Nix's own may be for root only
    except (netrc.NetrcParseError, UnicodeError) as error:
        line = getattr(error, "lineno", None)
        raise AimodelsError(
            f"{path}{f', line {line}' if line else ''} is not a line of logins",
            "write `machine HOST login USER password PASSWORD`",
        ) from None
    if not found or not found[2]:
        return None
    return found[0] or "", found[2]
