"""Locking with several endpoints: who is asked, what is told, and who sees the token."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pytest

from aimodels_fetcher import retry
from aimodels_fetcher.sources import huggingface as fetched
from aimodels_gen.cache import cache_directory
from aimodels_gen.sources.huggingface import HuggingFace
from aimodels_gen.tables import OneOrMore
from support.hub import Hub, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.hub import Repo, Request
    from support.project import Project

FILES = {"config.json": b'{"a": 1}\n', "vocab.txt": b"a\n", "model.safetensors": b"weights"}
LFS = ["*.safetensors"]
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
TOKEN = "hf_secretsecretsecret"
DEAD = "http://127.0.0.1:1"


Fault: TypeAlias = "Callable[[Request], Response | None]"


@pytest.fixture
def mirror() -> Iterator[Hub]:
    """Another Hub, to be asked before `hub`."""
    with Hub() as server:
        yield server


@pytest.fixture
def repo(hub: Hub, mirror: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A repository that both have, the same commit."""
    hub_project.write(MANIFEST)
    monkeypatch.setenv("HF_ENDPOINT", f"{mirror.url} {hub.url}/")
    mirror.add_repo("org/name", FILES, lfs=LFS)
    return hub.add_repo("org/name", FILES, lfs=LFS)


@pytest.fixture
def pins(hub: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is locked where there is only the one Hub."""
    assert repo.sha
    with monkeypatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        hub_project.ok("lock")
    pins = hub_project.lock
    hub_project.lock_file.unlink()
    shutil.rmtree(cache_directory())
    hub.clear()
    return pins


def saying(status: int, part: str, code: str | None = None) -> Fault:
    """Make a fault: requests for a path with `part` in it get this status."""
    headers = {"Retry-After": "0", **({"X-Error-Code": code} if code else {})}
    return lambda request: Response(status, headers) if part in request.path else None


@contextmanager
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """A server that closes every connection at once; its address, and a list as long as those."""
    accepted: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, (_, port) = server.accept()
                except OSError:
                    return
                accepted.append(port)
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", accepted
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "address", [DEAD, "http://no-such-host.invalid", "https://127.0.0.1:{port}"]
)
def test_one_that_cannot_be_reached(
    hub: Hub, hub_project: Project, pins: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """No server, no such name, no TLS."""
    dead = address.format(port=hub.url.rpartition(":")[2])
    monkeypatch.setenv("HF_ENDPOINT", f"{dead}\t\n{hub.url}")
    result = hub_project.run("lock", "-q")
    assert hub_project.lock == pins
    (line,) = result.err.splitlines()
    assert line.startswith(f"warning: cannot reach {dead} for org/name: ")
    assert line.endswith(f"; {hub.url} has answered instead")


def test_one_that_is_out_is_not_waited_for_again(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        hub.add_repo(f"org/name-{number}", FILES, lfs=LFS)
    hub_project.write(
        "".join(
            f'[models.m{n}]\nsource.huggingface = {{ repo = "org/name-{n}" }}\n' for n in range(5)
        )
    )
    with hanging_up() as (address, accepted):
        monkeypatch.setenv("HF_ENDPOINT", f"{address} {hub.url}")
        result = hub_project.run("lock", "-q", "-j", "1")
        assert result.status == 0
        assert len(accepted) == retry.TRIES_BEFORE_ANOTHER
    assert result.err.count("warning: ") == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(saying(status, part), id=f"{status}-{part}")
        for part in ("/revision/", "/tree/", "/resolve/")
        for status in (401, 403, 404, 410, 429, 500, 503)
        # Where the library has waited ten seconds by itself.
        if status < 429 or part != "/tree/"
    ],
)
def test_one_that_refuses(
    hub: Hub, mirror: Hub, hub_project: Project, pins: Any, fault: Fault
) -> None:
    mirror.faults = fault
    result = hub_project.run("lock", "-q")
    assert hub_project.lock == pins
    lines = result.err.splitlines()
    # In the order in which threads come to them.
    (line,) = (line for line in lines if "trying again" not in line)
    assert all("HTTP 429" in wait for wait in lines if wait != line)
    assert line.startswith("warning: ")
    assert mirror.url in line
    assert line.endswith(f"; {hub.url} has answered instead")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"<html>welcome</html>", "/"),
        (b"[1, 2]", "/revision/"),
        (b'{"id": "org/name", "sha": "../../x"}', "/revision/"),
        (b'[{"type": "file", "path": "../x", "oid": "0", "size": 1}]', "/tree/"),
        (b'{"a": 2}\n', "config.json"),
        (b"", ".txt"),
    ],
)
def test_one_that_has_something_else(
    mirror: Hub, hub_project: Project, pins: Any, body: bytes, part: str
) -> None:
    mirror.faults = lambda r: Response(200, body=body) if part in r.path else None
    result = hub_project.run("lock", "-q")
    assert hub_project.lock == pins
    (line,) = result.err.splitlines()
    assert mirror.url in line


@pytest.mark.parametrize("key", ["ref", "rev"])
def test_one_that_lacks_the_revision(
    mirror: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{os.environ['HF_ENDPOINT']} https://huggingface.co")
    sha = repo.commit({"new": b""})
    repo.tag("v2", sha)
    hub_project.write(MANIFEST.replace(" }", f', {key} = "{sha if key == "rev" else "v2"}" }}'))
    result = hub_project.run("lock", "-q")
    assert hub_project.lock["m"]["source"]["huggingface"]["rev"] == sha
    assert f"warning: {mirror.url}: org/name has no " in result.err
    # What stands in the hint of an error is not looked up for a warning.
    assert [request.path for request in mirror.log if "/refs" in request.path] == []


def test_one_that_gives_another_commit(mirror: Hub, hub_project: Project, repo: Repo) -> None:
    hub_project.write(MANIFEST.replace(" }", f', rev = "{repo.sha}" }}'))
    other = b'{"id": "org/name", "sha": "%s"}' % (b"0" * 40)
    mirror.faults = lambda r: Response(200, body=other) if "/revision/" in r.path else None
    result = hub_project.run("lock", "-q")
    assert hub_project.lock["m"]["source"]["huggingface"]["rev"] == repo.sha
    assert f"it returns {'0' * 40} for the commit {repo.sha}" in result.err


def test_files_that_several_have_between_them(
    hub: Hub, mirror: Hub, hub_project: Project, pins: Any
) -> None:
    mirror.faults = saying(404, "config.json", "EntryNotFound")
    hub.faults = saying(404, "vocab.txt", "EntryNotFound")
    result = hub_project.run("lock", "-q", "-j", "1")
    assert hub_project.lock == pins
    assert [line.rpartition(";")[2] for line in result.err.splitlines()] == [
        f" {hub.url} has answered instead",
        f" {mirror.url} has answered instead",
    ]


def test_one_that_lacks_a_model_is_asked_last_for_the_rest_of_it(
    mirror: Hub, hub_project: Project, pins: Any
) -> None:
    mirror.faults = saying(404, "/revision/", "RepoNotFound")
    hub_project.ok("lock")
    assert hub_project.lock == pins
    assert [r.path for r in mirror.log if "/resolve/" in r.path] == []


@pytest.mark.usefixtures("repo")
def test_when_none_has_it_each_reason_is_given(
    hub: Hub, mirror: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.url} {mirror.url} {DEAD}")
    mirror.faults = saying(500, "/revision/")
    hub_project.write(MANIFEST.replace(" }", ', ref = "mian" }'))
    refs = b'{"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": "0"}], '
    refs += b'"tags": [], "converts": []}'
    hub.faults = lambda request: Response(200, body=refs) if "/refs" in request.path else None
    error, hint = hub_project.fails("lock").splitlines()
    assert error.startswith(
        "error: m: none of the 3 endpoints returned org/name: "
        f"{hub.url}: org/name has no branch or tag 'mian'; "
        f"{mirror.url} failed for org/name (HTTP 500); "
        f"cannot reach {DEAD} for org/name: "
    )
    assert hint == "hint: did you mean main?"


@pytest.mark.usefixtures("repo")
def test_being_offline_and_the_command_that_is_not(hub_project: Project) -> None:
    done = hub_project.spawn("lock", "-U", "m", HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: m: it must be looked up on the Hub, but HF_HUB_OFFLINE is set\n"
        "hint: to go online for this command, run "
        "`env -u HF_HUB_OFFLINE aimodels-gen lock -U m`\n"
    )
    both = hub_project.spawn("lock", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    assert "`env -u HF_HUB_OFFLINE -u TRANSFORMERS_OFFLINE aimodels-gen lock`" in both.stderr


@pytest.mark.usefixtures("repo")
def test_what_the_library_reads_at_import(mirror: Hub, hub: Hub, hub_project: Project) -> None:
    done = hub_project.spawn(
        "lock", HF_ENDPOINT=f"  {mirror.url}\n{hub.url}/ ", HF_HUB_DISABLE_TELEMETRY=""
    )
    assert done.returncode == 0, done.stderr
    assert hub_project.lock["m"]
    assert mirror.log
    assert hub.log == []


@pytest.mark.parametrize(
    "value", ["hub.example", "http://a.example ftp://b.example", "http://a:b", "http://[::1"]
)
def test_an_environment_that_names_no_server(
    hub_project: Project, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", value)
    hub_project.write(MANIFEST)
    assert "HF_ENDPOINT holds something else" in hub_project.fails("lock")


def test_a_manifests_list(hub: Hub, hub_project: Project, pins: Any) -> None:
    hub_project.write(MANIFEST.replace(" }", f', endpoint = ["{DEAD}/", "{hub.url}/"] }}'))
    printed = hub_project.ok("lock")
    assert hub_project.lock["m"]["bundle"] == pins["m"]["bundle"]
    assert hub_project.lock["m"]["source"]["huggingface"]["endpoint"] == [DEAD, hub.url]
    assert f'      endpoint = [\n        "{DEAD}"\n        "{hub.url}"\n      ];\n' in printed
    # Where it is fetched from decides no content: no pin moves, nobody is asked.
    hub.close()
    hub_project.write(MANIFEST.replace(" }", f', endpoint = ["{DEAD}"] }}'))
    assert f'      endpoint = "{DEAD}";\n' in hub_project.ok("lock")
    assert hub_project.lock["m"]["digest"] == pins["m"]["digest"]


def tokens(*hubs: Hub) -> list[set[str | None]]:
    """The tokens that each of them was sent."""
    return [{request.token for request in hub.log} for hub in hubs]


def test_only_the_first_sees_the_token(
    hub: Hub, mirror: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo.sha
    mirror.allow(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def elsewhere(request: Request) -> Response | None:
        """Give the other's address for one file, and lack the other file."""
        if "config.json" in request.path:
            return Response(302, {"Location": hub.url + request.path})
        return Response(404) if "/resolve/" in request.path else None

    mirror.faults = elsewhere
    hub_project.ok("lock", "-j", "1")
    assert tokens(mirror, hub) == [{TOKEN}, {None}]
    named = {r.path.rpartition("/")[2].partition("?")[0] for r in hub.log}
    assert named == {"config.json", "vocab.txt"}


def test_a_mirror_with_the_hubs_links(
    hub: Hub, mirror: Hub, hub_project: Project, pins: Any
) -> None:
    """Only the mirror is asked for the pages of its listing."""
    mirror.page_size = 1

    def upstream(request: Request) -> Response | None:
        right = mirror.answer(request)
        link = right.headers.get("Link", "").replace(mirror.url, hub.url)
        return replace(right, headers={**right.headers, "Link": link}) if link else None

    mirror.faults = upstream
    assert hub_project.run("lock", "-q").err == ""
    assert hub_project.lock == pins
    assert sum("/tree/" in request.path for request in mirror.log) == len(FILES)
    assert hub.log == []


@pytest.mark.usefixtures("repo")
def test_no_mirror_sees_the_hubs_token(
    hub: Hub, mirror: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", f"{mirror.url} {hub.url} https://huggingface.co/")
    mirror.faults = saying(404, "vocab.txt")
    hub_project.ok("lock")
    assert tokens(mirror, hub) == [{None}, {None}]


def test_a_mirror_that_has_it_spares_the_other_types(
    hub: Hub, mirror: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.add_repo("org/name", FILES, lfs=LFS)
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.url} {mirror.url}")
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    assert not [request.path for request in hub.log if "/api/models/" not in request.path]


def test_a_private_model_behind_a_mirror(
    hub: Hub, mirror: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror has not got it; what to do is what the one with the token says."""
    hub.add_repo("org/name", FILES, lfs=LFS, private=True)
    hub_project.write(MANIFEST)
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.url} {mirror.url}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.allow(TOKEN)
    assert "hint: check the spelling and repo_type; if it is private, check that your token" in (
        hub_project.fails("lock")
    )
    hub.allow(TOKEN, "org/name")
    assert hub_project.run("lock", "-q").err == ""
    assert tokens(mirror) == [{None}]


def test_gated_files_that_a_mirror_gives(
    hub: Hub, mirror: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, gated="auto")
    hub_project.write(MANIFEST + 'include = ["*.safetensors"]\n')
    monkeypatch.setenv("HF_ENDPOINT", f"{DEAD} {hub.url} {mirror.url}")
    assert "so building it will fail" in hub_project.run("lock").err
    hub_project.lock_file.unlink()
    mirror.add_repo("org/name", FILES, lfs=LFS)
    assert "so building it will fail" not in hub_project.run("lock").err


def test_a_mirrors_own_password(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS)
    password = "Basic dXNlcjpoaWRkZW4="  # user:hidden
    hub.faults = lambda r: None if r.headers.get("authorization") == password else Response(401)
    hub_project.write(MANIFEST)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    own = hub.url.replace("//", "//user:hidden@")
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:hidden@127.0.0.1:1 {own}")
    result = hub_project.run("lock")
    assert result.status == 0, result.err
    assert "hidden" not in result.err


HUB = "https://huggingface.co"
# Of each list, the one for the token.
TRUSTED = [
    ([DEAD], DEAD),
    ([DEAD, "https://b.example"], DEAD),
    ([DEAD, f"{HUB}/", "https://b.example"], HUB),
    ([DEAD, "http://huggingface.co", "https://huggingface.co.example"], DEAD),
]


@pytest.mark.parametrize(("urls", "trusted"), TRUSTED)
def test_the_one_that_may_see_the_token(urls: list[str], trusted: str) -> None:
    assert fetched.trusted_endpoint(fetched.endpoints(urls)) == trusted
    spec = {**HuggingFace("org/name").to_spec(), "endpoint": urls}
    sources = cast("list[fetched.HuggingFace]", fetched.read(spec))
    assert [s.endpoint for s in sources if s.trusted] == [trusted]


def test_the_hub_spelt_in_another_way() -> None:
    spelt = "https://HuggingFace.co:443"
    assert fetched.trusted_endpoint([DEAD, spelt]) == spelt


def test_what_the_fetcher_gets() -> None:
    """In the order given; a single one, or none, as ever."""
    assert [
        HuggingFace("org/name", endpoint=OneOrMore(urls) if urls else None).to_spec()["endpoint"]
        for urls in ((), (DEAD,), (DEAD, HUB))
    ] == [None, DEAD, [DEAD, HUB]]
