"""The host that a bucket has, by region and endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.session import Session

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3 import read
from aimodels_fetcher.sources.s3.hosts import bucket_url, without_bucket
from fetcher.s3.helpers import CONFIG, FILES, source
from support.amazon import Amazon, amazon
from support.loopback import Response
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


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:9000",
        "http://me:hunter2@127.0.0.1:9",
        "http://me:hunter2/x@127.0.0.1:9",
        "http://[hunter2",
        "http://127.0.0.1:hunter2",
        "http://127.0.0.1:9?hunter2",
    ],
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", None])
def test_no_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str, variable: str | None) -> None:
    """It may hold a password."""
    if variable:
        monkeypatch.setenv(variable, endpoint)
    with pytest.raises(FetchError) as caught:
        read(source(endpoint=None if variable else endpoint)["s3"])
    assert caught.value.message == (
        f"{variable or 'endpoint'} is not an http(s) address of a server"
    )
    assert "hunter2" not in str(caught.value.hint)


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION", None])
@pytest.mark.parametrize(
    ("region", "hint"),
    [
        ("EU", "write eu-west-1"),
        ("auto", "for another server than Amazon's, write its endpoint"),
        ("eu central 1", "write one like eu-central-1"),
        ("evil.example.org/", "write one like eu-central-1"),
        ("x@evil.example.org:1/?", "write one like eu-central-1"),
        ("ü", "write one like eu-central-1"),
    ],
)
def test_no_region_of_amazon(
    monkeypatch: pytest.MonkeyPatch, region: str, hint: str, variable: str | None
) -> None:
    """It becomes a part of the host that keys are for."""
    if variable:
        monkeypatch.setenv(variable, region)
    with pytest.raises(FetchError) as caught:
        read(source(region=None if variable else region)["s3"])[0].client(1)
    name = f"{variable}={region!r}" if variable else f"region = {region!r}"
    assert f"{name} is not a region" in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_region_of_nowhere(somewhere: Amazon, fetch: Fetch) -> None:
    somewhere.recording_proxy.clear()
    run = fetch("file", source(region="EU"), env=somewhere.env, **CONFIG)
    assert run.status == 1
    assert "write eu-west-1" in run.log
    assert not somewhere.recording_proxy.log


def test_regions_of_other_servers(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    for region in ("auto", "EU", "garage"):
        given = source(endpoint=recording_proxy.url, region=region)
        run = fetch("file", given, env=ENV, **CONFIG)
        assert run.status == 0, run.log
        assert f"/{region}/s3/" in recording_proxy.log[-1].headers["authorization"]


@pytest.mark.parametrize("region", ["evil.example.org/", "127.0.0.1:1/", "EU", "auto", ""])
def test_where_a_server_says_that_the_bucket_is(
    somewhere: Amazon, fetch: Fetch, region: str
) -> None:
    """It has no say in which host gets signed requests."""
    somewhere.recording_proxy.clear()
    try:
        somewhere.region = region
        run = fetch("file", source(), env=somewhere.env, **CONFIG)
    finally:
        somewhere.region = "eu-central-1"
    assert run.status == 1
    assert somewhere.hosts <= {
        "my-models.s3.amazonaws.com",
        "my-models.s3.us-east-1.amazonaws.com",
    }
    assert "evil" not in run.log


@pytest.mark.parametrize("mode", ["file", "tree"])
@pytest.mark.parametrize("path", ["/my-models", "/my-models/it", "/my-models/"])
def test_an_endpoint_with_the_name_of_the_bucket(
    recording_proxy: RecordingProxy, fetch: Fetch, mode: str, path: str
) -> None:
    """As the page of a bucket shows it; servers take the rest for a key."""
    more = CONFIG if mode == "file" else EVERYTHING
    run = fetch(mode, source(endpoint=f"{recording_proxy.url}{path}"), env=ENV, **more)
    assert run.status == 1
    assert f'take the name of the bucket off the endpoint: endpoint = "{recording_proxy.url}"' in (
        run.log
    )
    if mode == "tree":
        assert "there is no bucket my-models at" in run.log


@pytest.mark.parametrize(
    ("endpoint", "shorter"),
    [
        ("https://my-models.s3.example.org", "https://s3.example.org"),
        ("https://My-Models.s3.example.org:1/x", "https://s3.example.org:1/x"),
        ("https://x.example.org/a/my-models/b", "https://x.example.org/a"),
        ("https://x.example.org/my-models-2", None),
        ("https://not-my-models.example.org", None),
    ],
)
def test_where_the_name_of_the_bucket_is(endpoint: str, shorter: str | None) -> None:
    assert without_bucket(endpoint, "my-models") == shorter


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(200, {"Content-Type": "text/html"}, b"<html>"), "is not an S3 server"),
        (Response(200, {"Content-Type": "application/json"}, b"{}"), "is not an S3 server"),
        (Response(200), "is not an S3 server"),
        (
            Response(404, {"Content-Type": "text/html"}, b"<html>"),
            "there is no bucket my-models at",
        ),
        (
            Response(404, {"Content-Type": "application/json"}, b"{}"),
            "there is no bucket my-models at",
        ),
        (Response(405), "check the endpoint"),
    ],
)
def test_a_server_of_another_kind(
    recording_proxy: RecordingProxy, fetch: Fetch, answer: Response, said: str
) -> None:
    recording_proxy.faults = lambda _: answer
    run = fetch.quick("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
    assert run.status == 1
    assert said in run.log
    assert "endpoint" in run.log.rpartition("hint: ")[2]
