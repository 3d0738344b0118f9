"""Several endpoints with the same content, asked in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.hub import BigFile, Hub, Response
from support.specs import EVERYTHING, source, sri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fetcher import Fetch
    from support.hub import Repo, Request

DEAD = "http://127.0.0.1:9"
FILES = {f"{n}.bin": BigFile(1 << 16, n) for n in range(1, 9)}
WEIGHTS = BigFile(24 << 20, 99)
SPEC = {"path": "w.bin", "hash": sri(WEIGHTS), "size": WEIGHTS.size}


@pytest.fixture
def mirror() -> Iterator[Hub]:
    with Hub() as server:
        yield server


def fill(*hubs: Hub, **options: Any) -> Repo:
    return [h.add_repo("o/m", {**FILES, "w.bin": WEIGHTS}, lfs=["*"], **options) for h in hubs][-1]


def break_content(hub: Hub, answer: Response) -> None:
    def fault(request: Request) -> Response | None:
        return answer if "/cdn/" in request.path or "/resolve/" in request.path else None

    hub.faults = fault


def test_the_first_one_that_works_is_enough(hub: Hub, mirror: Hub, fetch: Fetch) -> None:
    repo = fill(hub, mirror)
    run = fetch("tree", source(hub, repo, endpoint=[mirror.url, hub.url]), **EVERYTHING)
    assert run.status == 0, run.log
    assert not hub.log
    assert run.log.count("\n") == 1, "there is nothing to say about it"


def test_an_endpoint_that_is_out_is_left_out(hub: Hub, fetch: Fetch) -> None:
    repo = fill(hub)
    run = fetch("tree", source(hub, repo, endpoint=[DEAD, hub.url]), **EVERYTHING)
    assert run.status == 0, run.log
    assert f"asking {hub.url} instead" in run.log
    assert run.log.count("trying again") == 1, "it is asked twice, and no more for other files"


@pytest.mark.parametrize(
    "answer", [Response(404), Response(403), Response(500), Response(200, {}, b"<html>")]
)
def test_a_file_that_one_does_not_have_comes_from_the_next(
    hub: Hub, mirror: Hub, fetch: Fetch, answer: Response
) -> None:
    repo = fill(hub, mirror)
    break_content(mirror, answer)
    for mode, spec in (("file", SPEC), ("tree", EVERYTHING)):
        run = fetch(mode, source(hub, repo, endpoint=[mirror.url, hub.url]), **spec)
        assert run.status == 0, run.log
        assert f"asking {hub.url} instead" in run.log


def test_wrong_content_comes_from_the_next(hub: Hub, mirror: Hub, fetch: Fetch) -> None:
    repo = fill(hub)
    mirror.add_repo("o/m", {**FILES, "w.bin": BigFile(WEIGHTS.size, 5)}, lfs=["*"])
    mirror.faults = lambda request: mirror.answer(
        type(request)("GET", request.path.replace(repo.sha, "main"), request.headers)
    )
    run = fetch("file", source(hub, repo, endpoint=[mirror.url, hub.url]), **SPEC)
    assert run.status == 0, run.log
    assert sri(run.out.read_bytes()) == sri(WEIGHTS)
    assert "fetching it again" in run.log


def test_parts_are_kept_when_an_endpoint_goes_away(hub: Hub, mirror: Hub, fetch: Fetch) -> None:
    repo = fill(hub, mirror)
    answers = 0

    def fault(request: Request) -> Response | None:
        nonlocal answers
        answers += "/cdn/" in request.path
        return Response(500) if answers > 2 else None

    mirror.faults = fault
    run = fetch("file", source(hub, repo, endpoint=[mirror.url, hub.url]), **SPEC)
    assert run.status == 0, run.log
    assert mirror.sent_bytes
    assert mirror.sent_bytes + hub.sent_bytes < WEIGHTS.size + (1 << 20)


def test_when_all_fail_the_last_one_says_why(hub: Hub, fetch: Fetch) -> None:
    repo = fill(hub, gated="manual")
    run = fetch("file", source(hub, repo, endpoint=[DEAD, hub.url]), **SPEC)
    assert run.status == 1
    assert "Connection refused" in run.log
    assert "gated: ask for access" in run.log
    assert "Traceback" not in run.log


def test_the_environment_may_name_several(hub: Hub, fetch: Fetch) -> None:
    repo = fill(hub)
    env = {"HF_ENDPOINT": f"{DEAD}\n {hub.url}/"}
    run = fetch("tree", source(hub, repo, endpoint=None), env=env, **EVERYTHING)
    assert run.status == 0, run.log


@pytest.mark.parametrize("address", ["http://127.0.0.1:port", "http://[::1", "127.0.0.1"])
def test_what_is_no_address_is_refused(hub: Hub, fetch: Fetch, address: str) -> None:
    run = fetch("file", source(hub, fill(hub), endpoint=None), env={"HF_ENDPOINT": address}, **SPEC)
    assert run.status == 1
    assert "Traceback" not in run.log
    assert "check" in run.log


@pytest.mark.parametrize("mode", ["file", "tree"])
def test_the_token_is_for_the_first_one(hub: Hub, mirror: Hub, fetch: Fetch, mode: str) -> None:
    repo = fill(hub, mirror)
    for server in (hub, mirror):
        server.allow("hf_secret")
    break_content(hub, Response(404))
    spec = SPEC if mode == "file" else EVERYTHING
    env = {"HF_TOKEN": "hf_secret"}
    run = fetch(mode, source(hub, repo, endpoint=[hub.url, mirror.url]), env=env, **spec)
    assert run.status == 0, run.log
    assert {r.token for r in hub.log} == {"hf_secret"}
    assert {r.token for r in mirror.log} == {None}


@pytest.mark.parametrize("address", ["https://huggingface.co", "https://HuggingFace.co:443/"])
def test_a_hub_on_the_list_has_the_token(hub: Hub, fetch: Fetch, address: str) -> None:
    repo = fill(hub)
    env = {"HF_TOKEN": "hf_secret"}
    endpoints = [hub.url, address]
    run = fetch("file", source(hub, repo, endpoint=endpoints), env=env, **SPEC)
    assert run.status == 0, run.log
    assert {r.token for r in hub.log} == {None}
