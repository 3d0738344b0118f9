"""The host that a bucket has, by region and endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.session import Session

from aimodels_fetcher.sources.s3.hosts import bucket_url
from fetcher.s3.helpers import CONFIG, FILES, source
from support.amazon import Amazon, amazon
from support.s3 import ENV, KEY, SECRET, refusal
from support.specs import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fetcher import Fetch
    from support.recording_proxy import RecordingProxy


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    with amazon(tmp_path_factory.mktemp("amazon")) as somewhere:
        for bucket in ("my-models", "my.models"):
            somewhere.moto.bucket(bucket)
            files = {f"it/{path}": content for path, content in FILES.items()}
            somewhere.moto.put(bucket, files)
        yield somewhere


@pytest.mark.parametrize("mode", ["file", "tree"])
@pytest.mark.parametrize("region", [None, "eu-central-1"])
def test_amazon(somewhere: Amazon, fetch: Fetch, mode: str, region: str | None) -> None:
    """By the host that the bucket has in its region, which it finds out by itself."""
    somewhere.recording_proxy.clear()
    more = CONFIG if mode == "file" else EVERYTHING
    run = fetch(mode, source(region=region), env=somewhere.env, **more)
    assert run.status == 0, run.log
    hosts = {"my-models.s3.eu-central-1.amazonaws.com"}
    assert somewhere.hosts == hosts | ({"my-models.s3.amazonaws.com"} if region is None else set())
    for request in somewhere.recording_proxy.log:
        signed = "authorization" in request.headers
        assert signed == (request.headers["host"] in hosts), "the probe needs no credentials"
        if signed:
            assert "/eu-central-1/s3/aws4_request" in request.headers["authorization"]


@pytest.mark.parametrize(
    "region", ["eu-central-1", "us-gov-west-1", "cn-north-1", "us-isob-east-1"]
)
def test_the_hosts_are_those_of_botocore(region: str) -> None:
    client = Session().create_client(
        "s3", region_name=region, aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )
    scheme, host = client.meta.endpoint_url.split("//")
    assert bucket_url("my-models", None, region) == f"{scheme}//my-models.{host}"


def test_a_bucket_that_cannot_be_part_of_a_host(somewhere: Amazon, fetch: Fetch) -> None:
    """The certificate is for one label before the host."""
    somewhere.recording_proxy.clear()
    env = {**somewhere.env, "AWS_REGION": "eu-central-1"}
    run = fetch("tree", source(bucket="my.models"), env=env, **EVERYTHING)
    assert run.status == 0, run.log
    assert somewhere.hosts == {"s3.eu-central-1.amazonaws.com"}


def test_the_wrong_region(somewhere: Amazon, fetch: Fetch) -> None:
    run = fetch("file", source(region="eu-west-1"), env=somewhere.env, **CONFIG)
    assert run.status == 1
    assert "HTTP 301 (PermanentRedirect)" in run.log
    assert 'write region = "eu-central-1"' in run.log


def test_a_server_that_wants_another_region(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    recording_proxy.faults = lambda _: refusal("AuthorizationHeaderMalformed", 400, Region="garage")
    run = fetch("file", source(endpoint=recording_proxy.url), env=ENV, **CONFIG)
    assert run.status == 1
    assert 'write region = "garage"' in run.log


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        (("AWS_ENDPOINT_URL",), None),
        (("AWS_ENDPOINT_URL_S3",), None),
        ((), "{url}/"),
    ],
)
def test_other_servers(
    recording_proxy: RecordingProxy, fetch: Fetch, variables: tuple[str, ...], endpoint: str | None
) -> None:
    env = {**ENV, **dict.fromkeys(variables, recording_proxy.url)}
    given = endpoint and endpoint.format(url=recording_proxy.url)
    run = fetch("tree", source(endpoint=given), env=env, **EVERYTHING)
    assert run.status == 0, run.log
    assert (run.snapshot / "config.json").read_bytes() == b"{}"


def test_no_endpoint(fetch: Fetch) -> None:
    run = fetch("file", source(), env={"AWS_ENDPOINT_URL": "127.0.0.1:9000"}, **CONFIG)
    assert run.status == 1
    assert "is not an http(s) address" in run.log
    assert "Traceback" not in run.log
