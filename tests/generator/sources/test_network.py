"""Locking through a proxy, and with a certificate authority that nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.hub import Hub
from support.proxy import Proxy
from support.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project


FILES = {"config.json": b"{}"}
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


def test_an_authority_that_is_trusted_and_one_that_is_not(
    hub: Hub, hub_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is not is no endpoint to give a token to: the next is asked."""
    authority = Authority.make(tmp_path)
    hub.add_repo("org/name", FILES)
    hub_project.write(MANIFEST)
    with Hub(tls=authority.server()) as secure:
        secure.add_repo("org/name", FILES)
        monkeypatch.setenv("HF_ENDPOINT", f"{secure.url} {hub.url}")
        error = hub_project.run("lock").err
        assert f"cannot reach {secure.url} for org/name" in error
        assert "CERTIFICATE_VERIFY_FAILED" in error
        assert (secure.log, bool(hub.log)) == ([], True)

        hub.clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        assert "cannot reach" not in hub_project.run("lock", "-U").err
        assert (bool(secure.log), hub.log) == (True, [])


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_proxies(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    hub.add_repo("org/name", FILES)
    hub_project.write(MANIFEST)
    with Proxy() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        hub_project.ok("lock")
        assert proxy.log != []
        proxy.log.clear()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        hub_project.ok("lock", "-U")
        assert proxy.log == []
