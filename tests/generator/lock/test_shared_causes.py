"""What several models have in common is reported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.loopback import LoopbackServer, Response

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project
    from support.recording_proxy import RecordingProxy

FILES = {"config.json": b'{"a": 1}\n', "model.safetensors": b"weights"}
LFS = ["*.safetensors"]


def several(*repos: str) -> str:
    return "".join(
        f'[models.m{number}]\nsource.huggingface = {{ repo = "{repo}" }}\n'
        for number, repo in enumerate(repos)
    )


def test_a_bad_token_is_told_once(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    hub_project.write(several(*(f"org/name-{number}" for number in range(40))))
    error = hub_project.fails("lock")
    names = ", ".join(f"m{number}" for number in range(8))
    assert error == (
        f"error: {names} and 32 more: {hub.url} refused your token (HTTP 401)\n"
        "hint: renew it in HF_TOKEN, or unset HF_TOKEN\n"
    )


def test_a_hub_that_cannot_be_reached_is_told_once(
    hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_project.write(several("org/a", "org/b", "org/c"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    error = hub_project.fails("lock")
    assert error.startswith("error: m0, m1, m2: cannot reach http://127.0.0.1:1: ")
    assert error.count("\n") == 2
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1 http://127.0.0.1:2")
    error = hub_project.fails("lock")
    assert error.startswith("error: m0, m1, m2: none of the 2 endpoints answers: cannot reach ")
    assert error.count("\n") == 2


def test_being_offline_is_told_once(hub_project: Project) -> None:
    hub_project.write(several("org/a", "org/b"))
    done = hub_project.spawn("lock", HF_HUB_OFFLINE="1")
    assert done.stderr.startswith("error: m0, m1: they must be looked up on the Hub, but HF")
    assert done.stderr.count("\n") == 2


def test_what_ails_each_model_is_told_of_each_with_one_hint(hub: Hub, hub_project: Project) -> None:
    name = 'integration.huggingface = { org = "o", model = "m" }\n'
    hub_project.write(several("org/a", "org/b", "org/b") + name)
    assert hub_project.fails("lock") == (
        f"error: m0: {hub.url} has no org/a, or it is private\n"
        f"error: m1, m2: {hub.url} has no org/b, or it is private\n"
        "hint: check the spelling and repo_type; if it is private, set HF_TOKEN or run "
        "`hf auth login`\n"
    )


def test_a_gate_is_told_once(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, gated="auto")
    model = (
        '[models.m{0}]\nsource.huggingface = {{ repo = "org/name" }}\ninclude = ["*.safetensors"]\n'
        'integration.huggingface = {{ org = "o", model = "m{0}" }}\n'
    )
    hub_project.write(model.format(0) + model.format(1))
    result = hub_project.run("lock", "-q")
    assert result.status == 0
    assert result.err.startswith("warning: m0, m1: org/name is gated")
    assert result.err.count("\n") == 1


def plain(source: str, count: int = 12) -> str:
    """Models without a name of their own."""
    return "".join(
        f"[models.m{number}]\nsource.{source.format(number)}\n"
        f'integration.huggingface = {{ org = "o", model = "m{number}" }}\n'
        for number in range(count)
    )


ALL = "m0, m1, m2, m3, m4, m5, m6, m7 and 4 more"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "InvalidAccessKeyId", "{url} refused your credentials: HTTP 403"),
        (403, "SignatureDoesNotMatch", "{url} refused your credentials: HTTP 403"),
        (400, "ExpiredToken", "{url} refused your credentials: HTTP 400"),
        (403, "AccessDenied", "access to s3://{bucket} is refused: HTTP 403"),
    ],
)
def test_bad_keys_of_buckets_are_told_once(  # noqa: PLR0913, PLR0917 - fixtures and a row
    project: Project,
    bucket: str,
    recording_proxy: RecordingProxy,
    status: int,
    code: str,
    said: str,
) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    recording_proxy.faults = lambda _: Response(status, {"Content-Type": "application/xml"}, body)
    project.write(plain(f's3 = {{{{ bucket = "{bucket}", prefix = "m{{}}/" }}}}'))
    expected = said.format(url=recording_proxy.url, bucket=bucket)
    error = project.fails("lock")
    assert error.startswith(f"error: {ALL}: {expected} ({code})\nhint: ")
    assert error.count("\n") == 2


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses these files (HTTP 401)"),
        (403, "refuses these files (HTTP 403)"),
        (500, "is not available at the moment (HTTP 500)"),
    ],
)
def test_a_server_of_files_is_told_of_once(
    project: Project, recording_proxy: RecordingProxy, status: int, said: str
) -> None:
    assert recording_proxy  # its waits are short
    server = LoopbackServer(lambda _: Response(status))
    try:
        project.write(plain(f'url.files."a" = "{server.url}/{{}}"'))
        error = project.fails("lock")
    finally:
        server.close()
    assert error.startswith(f"error: {ALL}: {server.url.partition('//')[2]} {said}\nhint: ")
    assert error.count("\n") == 2


def test_a_server_of_files_that_cannot_be_reached_is_told_of_once(hub_project: Project) -> None:
    hub_project.write(plain('url.files."a" = "http://127.0.0.1:1/{}"'))
    error = hub_project.fails("lock")
    assert error.startswith(f"error: {ALL}: cannot reach 127.0.0.1:1: ")
    assert error.count("\n") == 2


def test_what_is_left_out_is_told_once(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo("org/name-0", FILES, lfs=LFS)
    hub_project.write(several("org/name-0"))
    hub_project.ok("lock")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    hub_project.write(several(*(f"org/name-{number}" for number in range(13))))
    error = hub_project.run("update", "-q", "--keep-going").err
    assert error.startswith(
        "warning: m0 failed: it keeps its pin\n"
        "warning: m1, m2, m3, m4, m5, m6, m7, m8 and 4 more failed: they have no pins yet and are "
        "left out\n"
        "error: m0, m1, m2, m3, m4, m5, m6, m7 and 5 more: "
    )
    assert error.count("error: ") == 1
