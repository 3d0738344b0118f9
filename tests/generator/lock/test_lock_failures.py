"""What `lock` says when something is wrong, and that it then changes nothing."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import filters
from support.hub import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.hub import Hub, Repo, Request
    from support.project import Project

FILES = {"config.json": b'{"a": 1}\n', "model.safetensors": b"weights"}
LFS = ["*.safetensors"]
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
TOKEN = "hf_secretsecretsecret"


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MANIFEST)
    return hub.add_repo("org/name", FILES, lfs=LFS)


def failing(status: int, part: str, times: int = 1000, **headers: str) -> Callable[..., object]:
    """Make a fault: the first `times` requests for a path with `part` in it fail."""
    left = times

    def fault(request: Request) -> Response | None:
        nonlocal left
        if part not in request.path or left == 0:
            return None
        left -= 1
        return Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return fault


def test_a_repository_that_is_not_there(hub: Hub, hub_project: Project) -> None:
    hub_project.write(MANIFEST)
    error = hub_project.fails("lock")
    assert error == (
        f"error: m: {hub.url} has no org/name, or it is private\n"
        "hint: check the spelling and repo_type; if it is private, set HF_TOKEN or run "
        "`hf auth login`\n"
    )


@pytest.mark.parametrize("there", ["model", "dataset", "kernel"])
@pytest.mark.parametrize("wanted", ["model", "dataset", "kernel"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_repository_of_another_type(  # noqa: PLR0913, PLR0917 - fixtures
    hub: Hub,
    hub_project: Project,
    monkeypatch: pytest.MonkeyPatch,
    there: str,
    wanted: str,
    token: str | None,
) -> None:
    """Its line cures: with it, the model can be locked."""
    hub.add_repo("org/name", FILES, lfs=LFS, repo_type=there, private=token is not None)
    if token:
        hub.allow(TOKEN, "org/name")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
    line = MANIFEST.replace(" }", f', repo_type = "{wanted}" }}')
    hub_project.write(line)
    if there == wanted:
        hub_project.ok("lock")
        return
    error = hub_project.fails("lock")
    assert (
        f'hint: there is a {there} of that name: set repo_type = "{there}", or add it with '
        in error
    )
    assert len(hub.log) <= 4
    hub_project.write(line.replace(f'"{wanted}"', f'"{there}"'))
    hub_project.ok("lock")


def test_a_private_repository_of_another_type_is_not_told(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, repo_type="dataset", private=True)
    hub_project.write(MANIFEST)
    assert "check the spelling and repo_type" in hub_project.fails("lock")


@pytest.mark.usefixtures("repo")
def test_a_ref_that_is_not_there(hub_project: Project) -> None:
    hub_project.write(MANIFEST.replace(" }", ', ref = "mian" }'))
    assert "org/name has no branch or tag 'mian'" in hub_project.fails("lock")
    hub_project.write(MANIFEST.replace(" }", ', ref = "refs%2Fpr%2F3" }'))
    assert "hint: did you mean refs/pr/3?" in hub_project.fails("lock")
    hub_project.write(MANIFEST.replace(" }", f', rev = "{"0" * 40}" }}'))
    assert f"org/name has no commit {'0' * 40}" in hub_project.fails("lock")


@pytest.mark.usefixtures("repo")
def test_a_near_ref_is_suggested(hub: Hub, hub_project: Project) -> None:
    refs = b'{"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": "0"}], '
    refs += b'"tags": [], "converts": []}'
    hub.faults = lambda request: Response(200, body=refs) if "/refs" in request.path else None
    hub_project.write(MANIFEST.replace(" }", ', ref = "mian" }'))
    assert "hint: did you mean main?" in hub_project.fails("lock")


def test_private_with_and_without_a_token(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, private=True)
    hub.allow(TOKEN, "org/name")
    hub_project.write(MANIFEST)
    assert "or it is private" in hub_project.fails("lock")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    result = hub_project.run("lock")
    assert result.status == 0
    assert TOKEN not in result.out + result.err + hub_project.lock_file.read_text()


def test_a_token_file(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, private=True)
    hub.allow(TOKEN, "org/name")
    hub_project.write(MANIFEST)
    (hub_project.dir / "token").write_text(TOKEN + "\n")
    done = hub_project.spawn("lock", HF_TOKEN_PATH=str(hub_project.dir / "token"))
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.usefixtures("repo")
def test_a_bad_token(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    error = hub_project.fails("lock")
    assert f"{hub.url} refused your token for org/name (HTTP 401)" in error
    assert len(hub.log) == 1
    assert "or unset HF_TOKEN\n" in error
    assert "hf_wrong" not in error


@pytest.mark.usefixtures("repo")
def test_a_token_that_is_none(hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_\N{CYRILLIC SMALL LETTER A}bc")
    assert "characters that no token has" in hub_project.fails("lock")


def test_gated_and_refused(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, gated="manual")
    hub_project.write(MANIFEST)
    error = hub_project.fails("lock")
    assert "m: org/name is gated, and access to its files is refused" in error
    assert f"ask for access at {hub.url}/org/name, then set HF_TOKEN" in error


def test_gated_but_listed(hub: Hub, hub_project: Project) -> None:
    """Everything that is to be locked stands in the listing, which is public."""
    hub.add_repo("org/name", FILES, lfs=LFS, gated="auto")
    hub_project.write(MANIFEST + 'include = ["*.safetensors"]\n')
    result = hub_project.run("lock")
    assert result.status == 0
    assert result.err.startswith("warning: m: org/name is gated")
    assert f"ask for access at {hub.url}/org/name" in result.err
    assert hub_project.lock["m"]["card"]["gated"] == "auto"


def test_gated_and_allowed(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, gated="auto")
    hub.allow(TOKEN, "org/name")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub_project.write(MANIFEST)
    result = hub_project.run("lock")
    assert result.status == 0
    assert "warning" not in result.err


def test_the_token_goes_to_the_endpoint_only(
    hub: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.allow(TOKEN, "org/name")
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def elsewhere(request: Request) -> Response | None:
        """Name another host for the next page, and for every small file; the port is the same."""
        if request.headers["host"].startswith("localhost"):
            return None
        if "elsewhere" in request.path:
            return Response(200, body=b"[]")
        if "/tree/" in request.path:
            answer = hub.answer(request)
            link = f'<{hub.cdn_url}{request.path}&elsewhere=1>; rel="next"'
            return Response(200, headers={"Link": link}, body=answer.body)
        if "/resolve/" in request.path:
            return Response(302, headers={"Location": hub.cdn_url + request.path})
        return None

    hub.faults = elsewhere
    hub_project.write(MANIFEST)
    hub_project.run("lock")
    assert repo.sha
    sent = {(r.headers["host"].split(":")[0], "authorization" in r.headers) for r in hub.log}
    pages = {r.headers["host"].split(":")[0] for r in hub.log if "/tree/" in r.path}
    assert pages == {"127.0.0.1"}
    assert sent == {("127.0.0.1", True), ("localhost", False)}


@pytest.mark.usefixtures("project")
def test_a_hub_that_cannot_be_reached(
    hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    hub_project.write(MANIFEST)
    error = hub_project.fails("lock")
    assert "cannot reach http://127.0.0.1:1 for org/name" in error
    assert "HF_ENDPOINT" in error


def test_a_password_in_the_endpoint_is_not_printed(
    hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://user:hidden@127.0.0.1:1")
    hub_project.write(MANIFEST)
    error = hub_project.fails("lock")
    assert "cannot reach http://127.0.0.1:1 for org/name" in error
    assert "hidden" not in error


@pytest.mark.usefixtures("repo")
def test_something_that_is_no_hub(hub: Hub, hub_project: Project) -> None:
    hub.faults = lambda _request: Response(200, body=b"<html>welcome</html>")
    assert "does not answer like a Hub" in hub_project.fails("lock")
    hub.faults = lambda _request: Response(200, body=b"[1, 2]")
    assert "does not answer like a Hub" in hub_project.fails("lock")


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("part", ["/revision/", "/tree/", "/resolve/"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_failure_is_tried_again(
    hub: Hub, hub_project: Project, part: str, status: int
) -> None:
    hub.faults = failing(status, part, times=1, Retry_After="0")  # type: ignore[assignment]
    hub_project.ok("lock")
    assert any(request.status == status for request in hub.log)


@pytest.mark.usefixtures("repo")
def test_a_lasting_failure_is_reported(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = failing(500, "/revision/")  # type: ignore[assignment]
    assert "failed for org/name (HTTP 500)" in hub_project.fails("lock")
    assert 2 <= len(hub.log) <= 5
    hub.faults = failing(429, "/revision/", Retry_After="0")  # type: ignore[assignment]
    error = hub_project.fails("lock")
    assert "limits the rate of requests" in error
    assert "or set HF_TOKEN or run `hf auth login`: a token raises the limit" in error
    hub.allow(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "wait five minutes, or make fewer requests at a time" in hub_project.fails("lock")


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("part", ["/revision/", "/resolve/"])
def test_a_server_that_asks_for_a_day_is_not_waited_for(
    hub: Hub, hub_project: Project, part: str
) -> None:
    hub.faults = failing(429, part, Retry_After="86400")  # type: ignore[assignment]
    start = time.monotonic()
    assert "limits the rate of requests" in hub_project.fails("lock")
    assert time.monotonic() - start < 60
    assert len([request for request in hub.log if part in request.path]) == 1


@pytest.mark.usefixtures("repo")
def test_a_server_may_name_a_date_to_wait_for(hub: Hub, hub_project: Project) -> None:
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    hub.faults = failing(429, "/revision/", times=1, Retry_After=date)  # type: ignore[assignment]
    hub_project.ok("lock")
    refused, answered, *_ = (request for request in hub.log if "/revision/" in request.path)
    assert answered.at - refused.at > 0.5


@pytest.mark.usefixtures("repo")
def test_a_rate_limit_is_told_with_what_raises_it(hub: Hub, hub_project: Project) -> None:
    hub.faults = failing(429, "/revision/", times=1, Retry_After="1")  # type: ignore[assignment]
    result = hub_project.run("lock", "-q")
    assert result.status == 0
    said = "rate limited by 127.0.0.1; waiting 1 s (a token raises the limit: set HF_TOKEN or run"
    assert result.err == f"warning: {said} `hf auth login`)\n"


@pytest.mark.usefixtures("repo")
def test_bytes_that_are_not_the_listed_ones(hub: Hub, hub_project: Project) -> None:
    def alter(request: Request) -> Response | None:
        if "/resolve/" not in request.path or not request.path.endswith("config.json"):
            return None
        return Response(200, body=b'{"a": 2}\n')

    hub.faults = alter
    error = hub_project.fails("lock")
    assert "m: org/name sent 9 bytes for 'config.json' that are not the listed 9 bytes" in error
    assert not hub_project.lock_file.exists()


@pytest.mark.usefixtures("repo")
def test_no_file_is_left(hub_project: Project) -> None:
    hub_project.write(MANIFEST + 'include = ["*.gguf"]\nexclude = ["x"]\n')
    error = hub_project.fails("lock")
    assert "with include = ['*.gguf'] and exclude = ['x'] takes none of its 2 files" in error
    assert "'config.json'" in error


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a//b", "a/../../b"])
@pytest.mark.usefixtures("repo")
def test_a_hostile_listing(hub: Hub, hub_project: Project, path: str) -> None:
    row = f'[{{"type": "file", "path": "{path}", "oid": "{"0" * 40}", "size": 1}}]'
    hub.faults = lambda r: Response(200, body=row.encode()) if "/tree/" in r.path else None
    error = hub_project.fails("lock")
    assert repr(path) in error
    assert "outside of the model" in error


@pytest.mark.parametrize(
    "row",
    [
        '{"path": "a", "oid": "0", "size": "1"}',
        '{"path": "a", "oid": "0", "size": -1}',
        '{"path": "a", "oid": "0", "size": 1, "lfs": {"oid": "x", "size": 1, "pointerSize": 1}}',
        '{"path": "a"}',
    ],
)
@pytest.mark.usefixtures("repo")
def test_a_listing_that_makes_no_sense(hub: Hub, hub_project: Project, row: str) -> None:
    body = f'[{{"type": "file", {row[1:]}]'.encode()
    hub.faults = lambda r: Response(200, body=body) if "/tree/" in r.path else None
    assert "does not answer like a Hub" in hub_project.fails("lock")


@pytest.mark.usefixtures("repo")
def test_a_listing_that_leads_to_itself(hub: Hub, hub_project: Project) -> None:
    def itself(request: Request) -> Response | None:
        if "/tree/" not in request.path:
            return None
        right = hub.answer(request)
        return Response(200, {"Link": f'<{hub.url}{request.path}>; rel="next"'}, right.body)

    hub.faults = itself
    error = hub_project.fails("lock")
    assert f"m: {hub.url}: the listing goes in a circle: the page after page 1 has" in error
    assert "hint: check the endpoint: the server, or a proxy, does not return a complete" in error
    assert sum("/tree/" in request.path for request in hub.log) == 1


def test_more_files_than_a_model_may_have(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "_MAX_FILES", 3)
    hub.add_repo("org/name", {f"{n}.json": b"{}" for n in range(5)})
    hub_project.write(MANIFEST)
    error = hub_project.fails("lock")
    assert "m: org/name has at least 4 files, and more than 3 of them would be taken" in error
    assert "include = [" in error
    hub_project.write(MANIFEST + 'include = ["[0-2].json"]\n')
    hub_project.ok("lock")


@pytest.mark.usefixtures("repo")
def test_a_path_that_is_listed_twice(hub: Hub, hub_project: Project) -> None:
    row = f'{{"type": "file", "path": "a", "oid": "{"0" * 40}", "size": 1}}'
    rows = f"[{row}, {row}]".encode()
    hub.faults = lambda r: Response(200, body=rows) if "/tree/" in r.path else None
    assert "'a' is listed twice" in hub_project.fails("lock")


@pytest.mark.usefixtures("repo")
def test_a_commit_that_is_none(hub: Hub, hub_project: Project) -> None:
    body = b'{"id": "org/name", "sha": "../../x"}'
    hub.faults = lambda r: Response(200, body=body) if "/revision/" in r.path else None
    assert "'../../x' is not a commit" in hub_project.fails("lock")


def test_every_model_that_fails_is_named_and_nothing_changes(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    hub_project.ok("lock", "-o", "models.nix")
    before = {p.name: p.read_bytes() for p in hub_project.dir.iterdir() if p.suffix != ".toml"}
    repo.commit({"new.json": b"1"})
    hub.add_repo("org/broken", {"config.json": b"right"})
    hub.faults = lambda r: (
        Response(200, body=b"wrong") if "/org/broken/resolve/" in r.path else None
    )
    others = "".join(
        f'[models.{n}]\nsource.huggingface = {{ repo = "org/{n}" }}\n' for n in ("gone", "broken")
    )
    hub_project.write(MANIFEST + others)
    error = hub_project.fails("lock", "-U", "-o", "models.nix")
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert [line.split(":")[1] for line in lines] == [" gone", " broken"]
    after = {p.name: p.read_bytes() for p in hub_project.dir.iterdir() if p.suffix != ".toml"}
    assert after == before


@pytest.mark.usefixtures("repo")
def test_a_broken_lock_is_not_replaced(hub_project: Project) -> None:
    hub_project.lock_file.write_text("<<<<<<<")
    assert "restore it from version control" in hub_project.fails("lock")
    assert hub_project.lock_file.read_text() == "<<<<<<<"


@pytest.mark.usefixtures("repo")
def test_an_output_in_no_directory(hub_project: Project) -> None:
    error = hub_project.fails("lock", "-o", "no/such/models.nix")
    assert error.splitlines()[-2:] == [
        "error: no/such/models.nix: No such file or directory",
        "hint: make the directory first, or name another path",
    ]
