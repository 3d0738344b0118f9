"""Where a build finds credentials, and what it does without them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3 import read
from aimodels_fetcher.sources.s3.credentials import find_credentials, signer
from fetcher.s3.helpers import CONFIG, source
from support.loopback import LoopbackServer, Response
from support.s3 import ENV, KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fetcher import Fetch
    from support.loopback import Request
    from support.recording_proxy import RecordingProxy


def test_variables_that_nix_has_not_set(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    """They arrive empty; then it is as if they were not there."""
    names = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "DEFAULT_REGION"]
    names += ["ENDPOINT_URL", "ENDPOINT_URL_S3", "REQUEST_PAYER", "EC2_METADATA_DISABLED"]
    env = dict.fromkeys((f"AWS_{name}" for name in names), "")
    run = fetch("file", source(bucket="public", endpoint=recording_proxy.url), env=env, **CONFIG)
    assert run.status == 0, run.log
    assert all("authorization" not in request.headers for request in recording_proxy.log)


def test_a_session(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    env = {**ENV, "AWS_SESSION_TOKEN": "tokentokentoken"}
    run = fetch("file", source(endpoint=recording_proxy.url), env=env, **CONFIG)
    assert run.status == 0, run.log
    (request,) = recording_proxy.log
    assert request.headers["x-amz-security-token"] == "tokentokentoken"
    assert "tokentokentoken" not in request.path


@pytest.mark.parametrize("lacking", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_of_the_credentials(
    recording_proxy: RecordingProxy, fetch: Fetch, lacking: str
) -> None:
    env = {**ENV, lacking: ""}
    run = fetch("file", source(endpoint=recording_proxy.url), env=env, **CONFIG)
    assert run.status == 1
    assert f"{lacking} is not set" in run.log
    assert SECRET not in run.log
    assert not recording_proxy.log


def test_what_is_in_files_is_not_looked_for(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    home = fetch.folder / "home"
    (home / ".aws").mkdir(parents=True)
    keys = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    (home / ".aws/credentials").write_text(f"[default]\n{keys}")
    given = source(bucket="public", endpoint=recording_proxy.url)
    run = fetch("file", given, env={"HOME": str(home)}, **CONFIG)
    assert run.status == 0, run.log
    assert all("authorization" not in request.headers for request in recording_proxy.log)


@pytest.fixture
def instance() -> Iterator[LoopbackServer]:
    """The metadata service of an instance (IMDSv2)."""
    role = {
        "Code": "Success",
        "AccessKeyId": "ASIAOFTHEINSTANCE",
        "SecretAccessKey": SECRET,
        "Token": "tokenoftheinstance",
        "Expiration": "2099-01-01T00:00:00Z",
    }

    def answer(request: Request) -> Response:
        if request.path == "/latest/api/token":
            return Response(200, {}, b"a-token")
        if request.headers.get("x-aws-ec2-metadata-token") != "a-token":
            return Response(401)
        if request.path == "/latest/meta-data/iam/security-credentials/":
            return Response(200, {}, b"the-role")
        return Response(200, {}, json.dumps(role).encode())

    server = LoopbackServer(answer)
    yield server
    server.close()


def test_the_role_of_an_instance(
    recording_proxy: RecordingProxy, fetch: Fetch, instance: LoopbackServer
) -> None:
    """Only where that is asked for."""
    env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url}
    given = source(bucket="public", endpoint=recording_proxy.url)
    run = fetch("file", given, env=env, **CONFIG)
    assert run.status == 0, run.log
    assert not instance.log
    env["AWS_EC2_METADATA_DISABLED"] = "false"
    run = fetch("file", source(endpoint=recording_proxy.url), env=env, **CONFIG)
    assert run.status == 0, run.log
    assert "ASIAOFTHEINSTANCE/" in recording_proxy.log[-1].headers["authorization"]
    assert recording_proxy.log[-1].headers["x-amz-security-token"] == "tokenoftheinstance"


@pytest.mark.parametrize("address", ["{url}", "127.0.0.1:80", "http://127.0.0.1:9"])
def test_an_instance_without_a_role(
    recording_proxy: RecordingProxy, fetch: Fetch, instance: LoopbackServer, address: str
) -> None:
    instance.answer = lambda _request: Response(404)
    env = {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": address.format(url=instance.url),
        "AWS_EC2_METADATA_DISABLED": "false",
    }
    run = fetch("file", source(endpoint=recording_proxy.url), env=env, **CONFIG)
    assert run.status == 1
    assert "returned no credentials" in run.log
    assert not recording_proxy.log


def test_an_instance_that_answers_with_rubbish(
    recording_proxy: RecordingProxy, fetch: Fetch, instance: LoopbackServer
) -> None:
    env = {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url,
        "AWS_EC2_METADATA_DISABLED": "false",
    }
    bodies = (b"", b"{}", b"[]", b"null", b"\xff", b'{"Code": "Success"}', b"9" * 5000)
    answers = {body: Response(200, {}, body) for body in bodies}
    for body in bodies:
        instance.answer = lambda _request: answers[body]  # noqa: B023 (it is used at once)
        run = fetch("file", source(endpoint=recording_proxy.url), env=env, **CONFIG)
        assert run.status == 1
        assert "returned no credentials" in run.log, body
        assert "Traceback" not in run.log
    assert not recording_proxy.log


def test_an_instance_that_does_not_come_to_an_end(
    recording_proxy: RecordingProxy, fetch: Fetch, instance: LoopbackServer
) -> None:
    def bytes_without_end() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.02)

    instance.answer = lambda _request: Response(200, {}, bytes_without_end(), "chunked")
    env = {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url,
        "AWS_EC2_METADATA_DISABLED": "false",
    }
    run = fetch.but(**{"sources.s3.credentials__LONGEST": 0.2})(
        "file", source(endpoint=recording_proxy.url), env=env, **CONFIG
    )
    assert run.status == 1
    assert "takes more than" in run.log


@pytest.mark.parametrize("name", ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"])
@pytest.mark.parametrize("key", ["hunter2\nX-Evil: 1", "hunter2\r\n", "hünter2", "hunter2 ", " "])
def test_keys_that_are_none(name: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in headers, and are shown nowhere."""
    for variable, value in {**ENV, f"AWS_{name}": key}.items():
        monkeypatch.setenv(variable, value)
    sign = signer(find_credentials(), "us-east-1")
    with pytest.raises(FetchError, match=f"^AWS_{name}.* is not a key") as caught:
        sign("GET", "https://my-models.s3.amazonaws.com/it/config.json")
    assert "nter2" not in f"{caught.value.message} {caught.value.hint}"


def test_who_pays_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "me\r\nX-Evil: 1")
    with pytest.raises(FetchError, match="AWS_REQUEST_PAYER=") as caught:
        signer(None, "us-east-1")
    assert "`requester`" in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["missing", "empty", "something else"])
def test_certificates_that_are_none(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle"
    if kind != "missing":
        path.write_text("" if kind == "empty" else "not a certificate")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
    secure = read(source(endpoint="https://127.0.0.1:9")["s3"])[0].client(1)
    with pytest.raises(FetchError, match=f"^AWS_CA_BUNDLE={path}: "):
        secure.head("https://127.0.0.1:9/")
    plain = read(source(endpoint="http://127.0.0.1:9")["s3"])[0].client(1)
    plain.tries = 1
    with pytest.raises(FetchError, match="Connection refused"):  # which needs none
        plain.head("http://127.0.0.1:9/")


@pytest.mark.parametrize("error", [BotoCoreError(), RuntimeError("still expired"), KeyError("x")])
def test_credentials_that_cannot_be_renewed(error: Exception) -> None:
    class Broken:
        def get_frozen_credentials(self) -> None:
            raise error

    with pytest.raises(FetchError, match="cannot be renewed"):
        signer(Broken(), "us-east-1")("GET", "https://my-models.s3.amazonaws.com/it/config.json")
