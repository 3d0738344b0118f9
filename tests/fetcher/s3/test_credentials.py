"""Where a build finds credentials, and what it does without them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3.credentials import signer
from fetcher.s3.helpers import CONFIG, source
from support.loopback import LoopbackServer, Response
from support.s3 import ENV, KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    assert "gives no credentials" in run.log
    assert not recording_proxy.log


@pytest.mark.parametrize("error", [BotoCoreError(), RuntimeError("still expired")])
def test_credentials_that_cannot_be_renewed(error: Exception) -> None:
    class Broken:
        def get_frozen_credentials(self) -> None:
            raise error

    with pytest.raises(FetchError, match="cannot be renewed"):
        signer(Broken(), "us-east-1")("GET", "https://my-models.s3.amazonaws.com/it/config.json")
