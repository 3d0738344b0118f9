"""Several sources with the same files, of any kinds, asked in turn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.fake_repo import BigFile
from support.loopback import HangUp, Response
from support.recording_proxy import RecordingProxy
from support.s3 import ENV, SECRET, Moto
from support.specs import EVERYTHING, file_pin, source, sri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub, Repo
    from support.loopback import Request

WEIGHTS = BigFile(24 << 20, 5)
FILES: dict[str, Content] = {
    "config.json": b"{}",
    "sub/vocab.txt": b"a\n",
    "model.safetensors": WEIGHTS,
}
PIN = file_pin("model.safetensors", WEIGHTS)
DEAD = "http://127.0.0.1:9"
TOKEN = "hf_s3cretOfTheTests"
CREDENTIALS = {**ENV, "HF_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        moto.bucket("mirror")
        moto.put("mirror", {f"name/{path}": content for path, content in FILES.items()})
        yield moto


@pytest.fixture
def recording_proxy(moto: Moto) -> Iterator[RecordingProxy]:
    with RecordingProxy(moto.url) as recording_proxy:
        yield recording_proxy


@pytest.fixture
def repo(hub: Hub) -> Repo:
    hub.allow(TOKEN)
    return hub.add_repo("org/name", FILES, lfs=["*.safetensors"])


def bucket(recording_proxy: RecordingProxy) -> dict[str, Any]:
    given = {"bucket": "mirror", "prefix": "name/", "region": None, "endpoint": recording_proxy.url}
    return {"s3": {**given, "versions": {}}}


def break_content(hub: Hub, answer: Response | None) -> None:
    def fault(request: Request) -> Response | None:
        if "/cdn/" not in request.path and "/resolve/" not in request.path:
            return None
        if answer is None:
            raise HangUp
        return answer

    hub.faults = fault


def test_the_first_one_is_enough(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    """The others are not even prepared for: what they lack does not matter."""
    sources = {**source(hub, repo), **bucket(recording_proxy)}
    env = {"AWS_ACCESS_KEY_ID": "half of the credentials"}
    for mode, more in (("file", PIN), ("tree", EVERYTHING)):
        run = fetch(mode, sources, env=env, **more)
        assert run.status == 0, run.log
    assert not recording_proxy.log


@pytest.mark.parametrize(
    "answer", [Response(404), Response(403), Response(500), Response(200, {}, b"<html>"), None]
)
def test_what_one_does_not_give_comes_from_the_next(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch, answer: Response | None
) -> None:
    break_content(hub, answer)
    sources = {**source(hub, repo), **bucket(recording_proxy)}
    for mode, more in (("file", PIN), ("tree", EVERYTHING)):
        run = fetch.quick(mode, sources, env=CREDENTIALS, **more)
        assert run.status == 0, run.log
        assert f"asking {recording_proxy.url}/mirror instead" in run.log


def test_wrong_bytes_come_from_the_next(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    wrong = BigFile(WEIGHTS.size, 6)
    recording_proxy.faults = lambda _: Response(
        200, {"Content-Length": str(wrong.size)}, wrong.chunks(0, wrong.size)
    )
    run = fetch("file", {**bucket(recording_proxy), **source(hub, repo)}, env=CREDENTIALS, **PIN)
    assert run.status == 0, run.log
    assert sri(run.out.read_bytes()) == PIN["hash"]


def test_credentials_go_where_they_belong(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    break_content(hub, Response(404))
    run = fetch("file", {**source(hub, repo), **bucket(recording_proxy)}, env=CREDENTIALS, **PIN)
    assert run.status == 0, run.log
    assert {request.token for request in hub.log} == {TOKEN}
    assert not any("AWS4" in json.dumps(request.headers) for request in hub.log)
    assert not any(TOKEN in json.dumps(request.headers) for request in recording_proxy.log)
    assert TOKEN not in run.log
    assert SECRET not in run.log


def test_parts_are_kept_when_one_goes_away(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    answers = 0

    def fault(request: Request) -> Response | None:
        nonlocal answers
        answers += "/cdn/" in request.path
        return Response(500) if answers > 2 else None

    hub.faults = fault
    run = fetch.quick(
        "file", {**source(hub, repo), **bucket(recording_proxy)}, env=CREDENTIALS, **PIN
    )
    assert run.status == 0, run.log
    assert hub.sent_bytes
    assert hub.sent_bytes + recording_proxy.sent_bytes < WEIGHTS.size + (1 << 20)


def test_the_entry_is_the_same(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    """It is that of the first source, wherever its files are from."""
    alone = fetch("tree", source(hub, repo), **EVERYTHING)
    break_content(hub, Response(404))
    run = fetch(
        "tree", {**source(hub, repo), **bucket(recording_proxy)}, env=CREDENTIALS, **EVERYTHING
    )
    assert run.status == 0, run.log
    assert run.snapshot.name == repo.sha
    listing = f"trees/{repo.sha}.json"
    assert (run.out / listing).read_bytes() == (alone.out / listing).read_bytes()


def test_a_tree_of_git_is_listed_by_git(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    """A bucket does not know which files are under LFS, and that is part of the entry."""
    sources = {**source(hub, repo, endpoint=DEAD), **bucket(recording_proxy)}
    run = fetch.quick("tree", sources, env=CREDENTIALS, **EVERYTHING)
    assert run.status == 1
    assert "a `files` pin needs no listing" in run.log


def test_other_trees_are_listed_by_the_next(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    expected = fetch("tree", bucket(recording_proxy), env=CREDENTIALS, **EVERYTHING)
    recording_proxy.faults = lambda _: Response(404)
    sources = {**bucket(recording_proxy), **source(hub, repo)}
    run = fetch("tree", sources, env=CREDENTIALS, **EVERYTHING)
    assert run.status == 0, run.log
    assert run.snapshot.name == expected.snapshot.name
    assert not (run.out / "trees").exists()


def test_when_all_fail_each_says_why(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    break_content(hub, Response(404))
    recording_proxy.faults = lambda _: Response(403)
    run = fetch("file", {**source(hub, repo), **bucket(recording_proxy)}, env=CREDENTIALS, **PIN)
    assert run.status == 1
    assert "HTTP 404" in run.log
    assert "HTTP 403" in run.log
    assert "hint: the credentials may not read it" in run.log


def test_addresses_of_single_files(
    hub: Hub, repo: Repo, recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    """Where one source has an address for some files only, the next has the others."""
    address = f"{hub.url}/org/name/resolve/{repo.sha}/config.json"
    urls = {"url": {"files": {"config.json": [f"{DEAD}/x", address]}}}
    for path in ("config.json", "model.safetensors"):
        run = fetch.quick(
            "file",
            {**urls, **bucket(recording_proxy)},
            env=CREDENTIALS,
            **file_pin(path, FILES[path]),
        )
        assert run.status == 0, run.log
    run = fetch("file", urls, **PIN)
    assert run.status == 1
    assert "no source has a URL for 'model.safetensors'" in run.log
