"""Proxies, as the environment of the daemon names them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.faults import page
from support.fetcher import PYTHONS
from support.matrix import SMALL
from support.proxy import Proxy
from support.specs import EVERYTHING, file_pin, source
from support.verdict import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub
    from support.tls import Authority
    from support.verdict import Verdict

FILES: dict[str, Content] = {"config.json": b"{}", "model.safetensors": SMALL}
PIN = file_pin("model.safetensors", SMALL)
# Nix hands variables that are not set to builds as empty ones.
NO_PROXY = dict.fromkeys(["http_proxy", "https_proxy", "all_proxy", "no_proxy"], "")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with closing(Proxy()) as proxy:
        yield proxy


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_a_proxy_for_http(
    hub: Hub, proxy: Proxy, fetch: Fetch, verdict: Verdict, variable: str
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    env = {**NO_PROXY, variable: proxy.url}
    verdict(fetch("tree", source(hub, repo), env=env, **EVERYTHING), FILES)
    assert len(proxy.log) == len(hub.log)


@pytest.mark.parametrize("variable", ["https_proxy", "all_proxy"])
def test_a_tunnel_for_https(  # noqa: PLR0913, PLR0917 (fixtures)
    secure: Hub,
    proxy: Proxy,
    fetch: Fetch,
    verdict: Verdict,
    authority: Authority,
    variable: str,
) -> None:
    repo = secure.add_repo("org/model", FILES, lfs=["*.safetensors"])
    env = {**NO_PROXY, variable: proxy.url, "SSL_CERT_FILE": str(authority.bundle)}
    verdict(fetch("tree", source(secure, repo), env=env, **EVERYTHING), FILES)
    assert all(head.startswith("CONNECT ") for head in proxy.log)
    assert {host.split()[1].split(":")[0] for host in proxy.log} == {"127.0.0.1", "localhost"}
    assert TOKEN not in "".join(proxy.log)


def test_hosts_without_a_proxy(hub: Hub, proxy: Proxy, fetch: Fetch, verdict: Verdict) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    env = {**NO_PROXY, "http_proxy": proxy.url, "no_proxy": "example.org,127.0.0.1"}
    verdict(fetch("tree", source(hub, repo), env=env, **EVERYTHING), FILES)
    # Only the CDN, whose name is another one.
    assert {line.split("/")[2].split(":")[0] for line in proxy.log} == {"localhost"}


def empty(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()


# What an http proxy answers may as well be the server's: a 403 says nothing of the proxy.
@pytest.mark.parametrize(
    ("scheme", "refusal", "said"),
    [
        ("http", b"", "Connection refused"),
        ("https", b"", "Connection refused"),
        ("http", empty("407 Proxy Authentication Required"), "407"),
        ("https", empty("407 Proxy Authentication Required"), "407"),
        ("https", empty("403 Forbidden"), "403"),
        ("http", empty("502 Bad Gateway"), "502"),
        ("https", empty("502 Bad Gateway"), "502"),
        ("http", b"garbage", "garbage"),
        ("https", b"garbage", "garbage"),
    ],
    ids=lambda value: value.decode().partition("\r")[0] if isinstance(value, bytes) else "",
)
def test_a_proxy_that_refuses(  # noqa: PLR0913, PLR0917 (fixtures)
    hub: Hub, fetch: Fetch, verdict: Verdict, scheme: str, refusal: bytes, said: str
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    with closing(Proxy(refusal)) as proxy:
        address = proxy.address if refusal else "127.0.0.1:9"
        env = {**NO_PROXY, f"{scheme}_proxy": f"http://user:pa55word@{address}"}
        endpoint = hub.url.replace("http:", f"{scheme}:")
        run = fetch("file", source(hub, repo, endpoint=endpoint), env=env, **PIN)
    verdict(run, SMALL, refused=f"error: .*{said}[^$]*hint: .*proxy")
    assert "pa55word" not in run.log
    assert not hub.log


def test_a_proxy_that_wants_a_login(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    """It answers for every server."""
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    login = page("Log in to this network")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(login)}\r\n\r\n"
    with closing(Proxy(head.encode() + login)) as proxy:
        run = fetch("file", source(hub, repo), env={**NO_PROXY, "http_proxy": proxy.url}, **PIN)
    verdict(run, SMALL, refused=rf"expected {SMALL.size} bytes.*{len(login)} \(text/html\)")


def without(*variables: str) -> dict[str, str]:
    """No proxies, and these are not even empty: that would count for their capital letters, too."""
    given = {variable.lower() for variable in variables}
    return {name: value for name, value in NO_PROXY.items() if name not in given}


SECRET = "hunter2"
NO_HTTP_PROXY = [
    "socks5://127.0.0.1:9",
    "socks5h://user:hunter2@127.0.0.1:9",
    "socks://127.0.0.1:9/",
    "ftp://127.0.0.1:9",
    "http://user:hunter2/x@127.0.0.1:9",
    "http://user:1/hunter2@127.0.0.1:9",
    "http://user:hunter2?x@127.0.0.1:9",
    "http://user:hunter2#x@127.0.0.1:9",
    "http://user:@hunter2@127.0.0.1:9",
    "http://127.0.0.1:hunter2",
    "http://127.0.0.1:99999",
    "http://[::1",
    "http:user:hunter2@127.0.0.1:9",
    "http://user:hunter2@",
    "http://user:hunter2\\@127.0.0.1:9",
    "http://user:hun\tter2@127.0.0.1:9",
    "http://",
]


@pytest.mark.parametrize("fetch", [PYTHONS["old-requests"]], indirect=True)
@pytest.mark.parametrize("address", NO_HTTP_PROXY)
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_what_is_not_an_http_proxy(
    hub: Hub, fetch: Fetch, verdict: Verdict, variable: str, address: str
) -> None:
    """It is told by its variable: nobody knows where in it a password is."""
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    env = {**without(variable), variable: address}
    run = fetch("file", source(hub, repo), env=env, **PIN)
    verdict(run, SMALL, refused=f"error: .*{variable}[ =].* prox[^$]*hint: .*http://")
    assert SECRET not in run.log
    assert "gave up" not in run.log
    assert not hub.log


@pytest.mark.parametrize(
    "env",
    [
        {"https_proxy": "socks5://127.0.0.1:9"},
        {"all_proxy": "socks5://127.0.0.1:9", "no_proxy": "127.0.0.1,localhost"},
        {"all_proxy": "socks5://127.0.0.1:9", "NO_PROXY": "*"},
        {"no_proxy": "[::1,1.2.3.4/99,10.0.0.0/x,*,\t, a b"},
        {"SSL_CERT_FILE": "/nowhere", "REQUESTS_CA_BUNDLE": "/"},
        {"ftp_proxy": "x://"},
    ],
    ids=" ".join,
)
def test_settings_that_are_not_needed(
    hub: Hub, fetch: Fetch, verdict: Verdict, env: dict[str, str]
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    verdict(fetch("file", source(hub, repo), env={**without(*env), **env}, **PIN), SMALL)
