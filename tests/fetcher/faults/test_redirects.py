"""Where a redirect may lead, the token does not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support.faults import ALWAYS, CONTENT, LISTING, RESOLVE, REVISION, Fault, spoil, status
from support.hub import Hub
from support.loopback import Response
from support.matrix import SMALL
from support.specs import EVERYTHING, file_pin, source
from support.verdict import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.loopback import Request
    from support.tls import Authority
    from support.verdict import Verdict

FILES: dict[str, Content] = {"config.json": b"{}", "model.safetensors": SMALL}


@pytest.fixture
def stranger() -> Iterator[Hub]:
    """Another server, which has the same files."""
    with Hub() as server:
        server.add_repo("org/model", FILES, lfs=["*.safetensors"])
        yield server


def elsewhere(template: str, stranger: Hub, hub: Hub) -> Callable[..., Response]:
    """Redirects to the same path on another server."""

    def change(request: Request, _answer: object) -> Response:
        address = template.format(
            stranger=urlsplit(stranger.url).netloc,
            hub=urlsplit(hub.url).netloc,
            port=urlsplit(hub.url).port,
            token=TOKEN,
        )
        return Response(307, {"Location": address + request.path})

    return change


@pytest.mark.parametrize(
    ("where", "template"),
    [
        (REVISION, "http://{stranger}"),
        (LISTING, "http://{stranger}"),
        (RESOLVE, "http://{stranger}"),
        (RESOLVE, "//{stranger}"),
        (RESOLVE, "http://{hub}@{stranger}"),
        (RESOLVE, "http://{token}@{stranger}"),
        (RESOLVE, "HTTP://{stranger}"),
        # The same server by other names.
        (REVISION, "http://localhost:{port}"),
        (LISTING, "http://LOCALHOST:{port}"),
        (RESOLVE, "http://127.1:{port}"),
        (RESOLVE, "http://[::ffff:127.0.0.1]:{port}"),
    ],
)
def test_the_token_stays(  # noqa: PLR0913, PLR0917 (fixtures)
    hub: Hub, stranger: Hub, fetch: Fetch, verdict: Verdict, where: str, template: str
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    redirect = elsewhere(template, stranger, hub)

    def change(request: Request, answer: Callable[[Request], Response]) -> Response:
        redirected = request.headers["host"] != urlsplit(hub.url).netloc
        return answer(request) if redirected else redirect(request, answer)

    spoil(hub, Fault("", change, ALWAYS, where))
    run = fetch("tree", source(hub, repo, rev=None), **EVERYTHING)
    verdict(run, FILES)
    assert any(request.token == TOKEN for request in hub.log)
    assert all(request.token is None for request in stranger.log)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(
    hub: Hub, stranger: Hub, fetch: Fetch, verdict: Verdict, code: int
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    location = f"{stranger.url}/org/model/resolve/{repo.sha}/model.safetensors"
    spoil(hub, Fault("", status(code, Location=location), ALWAYS, RESOLVE))
    run = fetch("file", source(hub, repo), **file_pin("model.safetensors", SMALL))
    verdict(run, SMALL)
    assert all(request.token is None for request in stranger.log)


def test_a_way_back_to_the_endpoint(
    hub: Hub, stranger: Hub, fetch: Fetch, verdict: Verdict
) -> None:
    """To a stranger, and from there back to the endpoint, which may have its own token again."""
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"], private=True)
    hub.allow(TOKEN, repo.id)
    spoil(hub, Fault("", elsewhere("http://{stranger}", stranger, hub), range(1), RESOLVE))
    spoil(stranger, Fault("", elsewhere("http://{hub}", stranger, hub), ALWAYS, RESOLVE))
    run = fetch("file", source(hub, repo), **file_pin("model.safetensors", SMALL))
    verdict(run, SMALL)
    assert all(request.token is None for request in stranger.log)


def test_no_token_over_a_connection_that_anyone_can_read(
    hub: Hub, secure: Hub, fetch: Fetch, verdict: Verdict, authority: Authority
) -> None:
    """From https to http: another origin, though it may be the same host."""
    hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    repo = secure.add_repo("org/model", FILES, lfs=["*.safetensors"])
    spoil(secure, Fault("", elsewhere(hub.url, hub, hub), ALWAYS, RESOLVE))
    env = {"SSL_CERT_FILE": str(authority.bundle)}
    verdict(fetch("tree", source(secure, repo), env=env, **EVERYTHING), FILES)
    assert any(request.token == TOKEN for request in secure.log)
    assert hub.log
    assert all(request.token is None for request in hub.log)


def test_the_second_endpoint_gets_no_token(
    hub: Hub, stranger: Hub, fetch: Fetch, verdict: Verdict
) -> None:
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    spoil(hub, Fault("", status(500), ALWAYS, CONTENT), Fault("", status(500), ALWAYS, RESOLVE))
    run = fetch("tree", source(hub, repo, endpoint=[hub.url, stranger.url]), **EVERYTHING)
    verdict(run, FILES)
    assert any(request.token == TOKEN for request in hub.log)
    assert stranger.log
    assert all(request.token is None for request in stranger.log)
