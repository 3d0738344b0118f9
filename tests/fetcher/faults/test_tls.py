"""TLS: who is trusted, and connections that end without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.faults import ALWAYS, Fault, cut, edited, ends, flipped, spoil
from support.hub import Hub
from support.loopback import HangUp, Reset
from support.matrix import LARGE, SMALL
from support.specs import EVERYTHING, file_pin, source

if TYPE_CHECKING:
    from pathlib import Path

    from support.fetcher import Fetch
    from support.tls import Authority
    from support.verdict import Verdict

FILES = {"model.safetensors": SMALL, "large.safetensors": LARGE}
PIN = file_pin("model.safetensors", SMALL)
VARIABLES = ["NIX_SSL_CERT_FILE", "SSL_CERT_FILE"]
UNTRUSTED = "certificate is not trusted[^$]*hint: .*NIX_SSL_CERT_FILE.*SSL_CERT_FILE"


def model(hub: Hub) -> dict[str, Any]:
    return source(hub, hub.add_repo("org/model", FILES, lfs=["*"]))


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("others", ["", "/nowhere"])
def test_a_ca_of_the_users_own(  # noqa: PLR0913, PLR0917 (fixtures)
    secure: Hub, fetch: Fetch, verdict: Verdict, authority: Authority, variable: str, others: str
) -> None:
    """Nix hands variables that are not set to builds as empty ones.

    Files outside of the sandbox are not there for builds.
    """
    env = {
        "NIX_BUILD_TOP": "/build",
        **dict.fromkeys(VARIABLES, others),
        variable: str(authority.bundle),
    }
    verdict(fetch("tree", model(secure), env=env, **EVERYTHING), FILES)


@pytest.mark.parametrize("mode", ["file", "tree"])
@pytest.mark.parametrize("variable", [None, *VARIABLES])
def test_a_ca_that_nobody_knows(  # noqa: PLR0913, PLR0917 (fixtures)
    secure: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path, mode: str, variable: str | None
) -> None:
    env = {"NIX_BUILD_TOP": "/build"}
    refused = UNTRUSTED
    if variable:
        (tmp_path / "empty.pem").write_text("")
        env[variable] = str(tmp_path / "empty.pem")
        refused = f"{variable}=.*/empty.pem: there are no certificates in it[^$]*hint: .*nix-daemon"
    run = fetch(mode, model(secure), env=env, **(PIN if mode == "file" else EVERYTHING))
    verdict(run, FILES, refused=refused)
    assert not secure.log  # no request, and so no token


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_file_of_certificates_that_is_missing(
    secure: Hub, fetch: Fetch, verdict: Verdict, variable: str
) -> None:
    """Outside of builds, which do not see all files, somebody has named a file that is wrong."""
    run = fetch("file", model(secure), env={variable: "/nowhere"}, **PIN)
    verdict(run, SMALL, refused=f"{variable}=/nowhere: No such file[^$]*hint: .*unset {variable}")


@pytest.mark.parametrize(
    ("how", "said"),
    [({"names": "DNS:huggingface.co"}, "127.0.0.1"), ({"expired": True}, "expired")],
    ids=["another name", "expired"],
)
def test_a_certificate_that_is_not_good(
    fetch: Fetch, verdict: Verdict, authority: Authority, how: dict[str, Any], said: str
) -> None:
    with Hub(tls=authority.server(**how)) as hub:
        verdict.hub = hub
        env = {"SSL_CERT_FILE": str(authority.bundle)}
        run = fetch("file", model(hub), env=env, **PIN)
        verdict(run, SMALL, refused=f"not trusted.*{said}")
        assert not hub.log


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset instead of an answer", ends(Reset)),
        Fault("cut instead of an answer", ends(HangUp)),
        Fault("reset in the body", edited(cut(0.4, Reset)), range(3)),
        Fault("cut in the body", edited(cut(0.4)), range(3)),
        Fault("cut after each body", edited(cut()), ALWAYS),
        Fault("a flipped bit", edited(flipped)),
    ],
    ids=lambda fault: fault.name,
)
def test_connections_without_an_orderly_end(
    secure: Hub, fetch: Fetch, verdict: Verdict, authority: Authority, fault: Fault
) -> None:
    """The server never says close_notify."""
    spoil(secure, fault)
    env = {"SSL_CERT_FILE": str(authority.bundle)}
    run = fetch("file", model(secure), env=env, **file_pin("large.safetensors", LARGE))
    verdict(run, LARGE)


def test_a_handshake_that_is_cut(
    secure: Hub, fetch: Fetch, verdict: Verdict, authority: Authority
) -> None:
    secure.server.most_connections = 0
    env = {"SSL_CERT_FILE": str(authority.bundle)}
    running = fetch.but(retry__FIRST_WAIT=0.1).start("file", model(secure), env=env, **PIN)
    running.until(lambda: secure.server.turned_away)
    secure.server.most_connections = None
    verdict(running.wait(), SMALL)


def test_a_server_that_does_not_speak_tls(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    hub.url = hub.url.replace("http:", "https:")
    verdict(fetch("file", model(hub), **PIN), SMALL, refused="error: .*(SSL|TLS)")
