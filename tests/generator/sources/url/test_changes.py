"""How it is told whether a file is still the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.url.helpers import (
    CONTENT,
    SHA256,
    is_content,
    lock,
    pin,
    reads,
    sums_of,
    with_headers,
)
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy


@pytest.mark.parametrize("headers", [{}, {"Etag": "", "Last_Modified": ""}])
def test_the_upgrade_of_a_tree(
    recording_proxy: RecordingProxy,
    project: Project,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the server does not say whether it is the same, it is fetched to see."""
    monkeypatch.setenv("NIX_STORE_DIR", str(project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(project.dir / "var"))
    more = sums_of(recording_proxy, f"{SHA256}  model.gguf") + '\npin = "tree"'
    in_file, otherwise = recording_proxy.faults, with_headers(recording_proxy, **headers)
    recording_proxy.faults = lambda request: in_file(request) or otherwise(request)
    assert lock(project, f"{recording_proxy.url}/model.gguf", more=more).status == 0
    before = project.lock
    recording_proxy.clear()
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more, args=("-U",))
    assert "= 1 unchanged" in result.err
    assert project.lock == before
    assert ("/model.gguf" in reads(recording_proxy)) == bool(headers)


@pytest.mark.parametrize(
    ("headers", "again"),
    [
        ({}, 0),
        ({"Etag": "", "Last_Modified": "Wed, 25 Nov 2026 23:00:00 GMT"}, 0),
        ({"Etag": 'W/"weak"'}, 1),
        ({"Etag": "", "Last_Modified": ""}, 1),
    ],
)
def test_what_tells_that_a_file_is_the_same(
    recording_proxy: RecordingProxy, project: Project, headers: dict[str, str], again: int
) -> None:
    recording_proxy.faults = with_headers(recording_proxy, **headers)
    lock(project, f"{recording_proxy.url}/model.gguf")
    recording_proxy.clear()
    lock(project, f"{recording_proxy.url}/model.gguf", args=("-U",))
    assert len(reads(recording_proxy)) == again


def test_an_update_of_what_is_the_same_is_one_request(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    lock(project, f"{recording_proxy.url}/model.gguf")
    recording_proxy.clear()
    assert "= 1 unchanged" in lock(project, f"{recording_proxy.url}/model.gguf", args=("-U",)).err
    assert [request.is_peek for request in recording_proxy.log] == [True]


@pytest.mark.parametrize("validator", ['"strong"', "Wed, 25 Nov 2026 23:00:00 GMT", None])
def test_what_is_read_in_two_goes(
    recording_proxy: RecordingProxy, project: Project, validator: str | None
) -> None:
    """The rest is asked for only where it is that of the same file."""
    name = "ETag" if validator and validator.startswith('"') else "Last-Modified"
    given = {name: validator} if validator else {}
    content = CONTENT * 20_000
    asked: list[dict[str, str]] = []

    def fault(request: Request) -> Response:
        if request.is_peek:
            rest = {"Content-Range": f"bytes 0-1023/{len(content)}"}
            return Response(206, {**given, **rest}, content[:1024])
        wanted = request.headers.get("range", "")
        if not wanted.startswith("bytes=0-"):  # those are for the header of the GGUF file
            asked.append(request.headers)
        if request.method == "HEAD":
            return Response(200, {**given, "Content-Length": str(len(content))})
        if wanted:
            start, end = map(int, wanted.removeprefix("bytes=").split("-"))
            rest = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
            return Response(206, {**given, **rest}, content[start : end + 1])
        body = content if len(asked) > 2 else content[: 200 << 10]
        return Response(200, {**given, "Content-Length": str(len(content))}, body)

    recording_proxy.faults = fault
    assert lock(project, f"{recording_proxy.url}/model.gguf").status == 0
    assert pin(project)["hash"] == sri(content)
    assert asked[-1].get("if-range") == validator
    assert ("range" in asked[-1]) == bool(validator)


def test_a_file_that_changes_between(recording_proxy: RecordingProxy, project: Project) -> None:
    """What was asked for first is not what is read then."""
    recording_proxy.faults = lambda r: (
        Response(200, {}, b"longer than it was: now") if is_content(r) else None
    )
    result = lock(project, f"{recording_proxy.url}/model.gguf")
    assert result.status == 1
    assert "has sent 23 bytes instead of 20" in result.err
    recording_proxy.faults = lambda _: None
    project.follow(result.err)
