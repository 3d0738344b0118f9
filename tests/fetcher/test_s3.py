"""What is particular about buckets when builds fetch from them."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3.credentials import signer
from aimodels_fetcher.sources.s3.hosts import bucket_url
from support.amazon import Amazon, amazon
from support.fake_repo import BigFile
from support.fetcher import ENV as ENVIRONMENT
from support.fetcher import PYTHONS, Fetch
from support.forks import ForkServer
from support.loopback import LoopbackServer, Response
from support.recording_proxy import RecordingProxy
from support.s3 import ENV, KEY, SECRET, Moto, refusal
from support.specs import EVERYTHING, file_pin, sri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fake_repo import Content
    from support.loopback import Request

WEIGHTS = BigFile(9 << 20, 3)
FILES: dict[str, Content] = {
    "config.json": b"{}",
    "a b+c/ü?#%.txt": b"odd",
    "w.safetensors": WEIGHTS,
}
CONFIG = file_pin("config.json", b"{}")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        moto.bucket("my-models")
        moto.put("my-models", {f"it/{path}": content for path, content in FILES.items()})
        moto.bucket("public")
        moto.put("public", {"it/config.json": b"{}"}, ACL="public-read")
        yield moto


@pytest.fixture(scope="module", params=list(PYTHONS.values()), ids=list(PYTHONS))
def server(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    """To import requests and botocore takes longer than what most tests here do with them."""
    modules = ["requests", "botocore.auth", "botocore.awsrequest", "botocore.credentials"]
    with closing(ForkServer(request.param, [*modules, "botocore.exceptions"], ENVIRONMENT)) as it:
        yield it


@pytest.fixture
def fetch(server: ForkServer, tmp_path: Path) -> Iterator[Fetch]:
    """Run the fetcher."""
    with closing(Fetch("", tmp_path, server=server)) as fetch:
        yield fetch


@pytest.fixture
def recording_proxy(moto: Moto) -> Iterator[RecordingProxy]:
    with RecordingProxy(moto.url) as recording_proxy:
        yield recording_proxy


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    with amazon(tmp_path_factory.mktemp("amazon")) as somewhere:
        for bucket in ("my-models", "my.models"):
            somewhere.moto.bucket(bucket)
            files = {f"it/{path}": content for path, content in FILES.items()}
            somewhere.moto.put(bucket, files)
        yield somewhere


def source(**changes: Any) -> dict[str, Any]:
    given = {"bucket": "my-models", "prefix": "it/", "region": None, "endpoint": None}
    return {"s3": {**given, "versions": {}, **changes}}


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


def test_whoever_asks_pays(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    def fault(request: Request) -> Response | None:
        paid = request.headers.get("x-amz-request-payer") == "requester"
        return None if paid else refusal("AccessDenied", 403)

    recording_proxy.faults = fault
    run = fetch("file", source(endpoint=recording_proxy.url), env=ENV, **CONFIG)
    assert run.status == 1
    assert "AWS_REQUEST_PAYER=requester" in run.log
    env = {**ENV, "AWS_REQUEST_PAYER": "requester"}
    run = fetch("file", source(endpoint=recording_proxy.url), env=env, **CONFIG)
    assert run.status == 0, run.log
    assert "x-amz-request-payer" in recording_proxy.log[-1].headers["authorization"], "it is signed"


@pytest.mark.parametrize(
    ("code", "status", "hint"),
    [
        ("AccessDenied", 403, "s3:GetObject"),
        ("ExpiredToken", 400, "get new credentials"),
        ("InvalidAccessKeyId", 403, "does not know AWS_ACCESS_KEY_ID"),
        ("InvalidObjectState", 403, "restore it"),
        ("InvalidToken", 400, "AWS_SESSION_TOKEN"),
        ("NoSuchBucket", 404, "there is no bucket my-models"),
        ("NoSuchKey", 404, "lock again"),
        ("RequestTimeTooSkewed", 403, "set the clock"),
        ("SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"),
        ("AllAccessDisabled", 403, "s3:GetObject"),
        ("SomethingElse", 400, "check the endpoint"),
    ],
)
def test_refusals(
    recording_proxy: RecordingProxy, fetch: Fetch, code: str, status: int, hint: str
) -> None:
    recording_proxy.faults = lambda _: refusal(code, status, AWSAccessKeyId=KEY, StringToSign="x")
    run = fetch("file", source(endpoint=recording_proxy.url), env=ENV, **CONFIG)
    assert run.status == 1
    assert f"HTTP {status} ({code})" in run.log
    assert hint in run.log
    assert KEY not in run.log
    assert len(recording_proxy.log) <= 2, (
        "asking again would change nothing, but two threads were ready"
    )


def test_a_server_that_is_busy(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    busy = iter([refusal("SlowDown", 503)] * 2)
    recording_proxy.faults = lambda _: next(busy, None)
    run = fetch.but(retry__FIRST_WAIT=0.01)(
        "file", source(endpoint=recording_proxy.url), env=ENV, **CONFIG
    )
    assert run.status == 0, run.log


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


def test_a_version(moto: Moto, fetch: Fetch) -> None:
    """When it is gone, what there is now is tried: the hash decides."""
    bucket = "with-versions"
    moto.bucket(bucket, versions=True)
    moto.put(bucket, {"it/config.json": b"{}"})
    old = moto.api.head_object(Bucket=bucket, Key="it/config.json")["VersionId"]
    moto.put(bucket, {"it/config.json": b"[]"})
    given = source(bucket=bucket, endpoint=moto.url, versions={"config.json": old})
    run = fetch("file", given, env=ENV, **CONFIG)
    assert run.status == 0, run.log
    moto.api.delete_object(Bucket=bucket, Key="it/config.json", VersionId=old)
    run = fetch("file", given, env=ENV, **CONFIG)
    assert run.status == 1
    assert "as it is now instead" in run.log
    assert f"received {sri(b'[]')}" in run.log
    moto.put(bucket, {"it/config.json": b"{}"})
    run = fetch("file", given, env=ENV, **CONFIG)
    assert run.status == 0, run.log


def test_a_tree_of_versions(moto: Moto, fetch: Fetch) -> None:
    """What has come since is no part of it."""
    bucket = "tree-of-versions"
    moto.bucket(bucket, versions=True)
    moto.put(bucket, {"it/config.json": b"{}"})
    old = moto.api.head_object(Bucket=bucket, Key="it/config.json")["VersionId"]
    moto.put(bucket, {"it/config.json": b"[]", "it/new.json": b"new"})
    given = source(bucket=bucket, endpoint=moto.url, versions={"config.json": old})
    run = fetch("tree", given, env=ENV, **EVERYTHING)
    assert run.status == 0, run.log
    assert [path.name for path in run.snapshot.iterdir()] == ["config.json"]
    assert (run.snapshot / "config.json").read_bytes() == b"{}"


LISTING = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Name>my-models</Name>{rest}</ListBucketResult>"""
ROW = "<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"
ENTITIES = '<!DOCTYPE a [<!ENTITY x "{}">]><ListBucketResult>&x;</ListBucketResult>'.format(
    "x" * 99
)


@pytest.mark.parametrize(
    "body",
    [
        "<html>log in</html>",
        "no XML",
        LISTING.format(rest=ROW.format(key="elsewhere/x", size=1)),
        LISTING.format(rest=ROW.format(key="it/x", size=-1)),
        LISTING.format(rest=ROW.format(key="it/x", size="many")),
        LISTING.format(rest="<IsTruncated>true</IsTruncated>"),
        LISTING.format(rest="<EncodingType>url</EncodingType>" + ROW.format(key="it/%ff", size=1)),
        ENTITIES,
    ],
)
def test_listings_that_are_none(recording_proxy: RecordingProxy, fetch: Fetch, body: str) -> None:
    recording_proxy.faults = lambda _: Response(
        200, {"Content-Type": "application/xml"}, body.encode()
    )
    run = fetch.but(retry__FIRST_WAIT=0.01)(
        "tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING
    )
    assert run.status == 1
    assert "did not answer with a listing of S3" in run.log
    assert "Traceback" not in run.log


@pytest.mark.parametrize("key", ["../evil", "a/../../evil", "..", "/evil", "a//b", "a/", "a%00b"])
def test_hostile_keys(recording_proxy: RecordingProxy, fetch: Fetch, key: str) -> None:
    coded = "<EncodingType>url</EncodingType>"
    body = LISTING.format(rest=coded + ROW.format(key=f"it/{key}", size=1)).encode()
    recording_proxy.faults = lambda _: Response(200, {}, body)
    run = fetch("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
    assert run.status == 1
    assert "would leave the output" in run.log
    assert not run.out.exists()


def test_a_listing_that_goes_in_circles(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    rest = "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    body = LISTING.format(rest=ROW.format(key="it/x", size=1) + rest).encode()
    recording_proxy.faults = lambda _: Response(200, {}, body)
    run = fetch("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
    assert run.status == 1
    assert "the same page again" in run.log
    assert len(recording_proxy.log) == 2


def test_keys_that_are_not_coded(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    """Some servers do not know `encoding-type`, and say so by not saying it."""
    body = LISTING.format(
        rest=ROW.format(key="it/config.json", size=2) + ROW.format(key="it/d/", size=0)
    )
    recording_proxy.faults = lambda r: (
        Response(200, {}, body.encode()) if "list-type" in r.path else None
    )
    run = fetch("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
    assert run.status == 0, run.log
    assert [path.name for path in run.snapshot.iterdir()] == ["config.json"]


def test_a_file_that_changes_while_it_is_fetched(
    recording_proxy: RecordingProxy, fetch: Fetch
) -> None:
    """Nothing says what it should be: it is fetched anew, and is of one time."""
    answers = 0

    def fault(request: Request) -> Response | None:
        nonlocal answers
        if "w.safetensors" not in request.path:
            return None
        answers += 1
        answer = recording_proxy.forward(request)
        tag = {"Etag": '"before"'} if answers == 1 else {}
        return Response(answer.status, {**answer.headers, **tag}, answer.body)

    recording_proxy.faults = fault
    run = fetch("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
    assert run.status == 0, run.log
    assert "received parts of several" in run.log
    assert sri((run.snapshot / "w.safetensors").read_bytes()) == sri(WEIGHTS)


def test_hashes_that_are_known_beforehand(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    given = source(endpoint=recording_proxy.url)
    hashes = {path: sri(content) for path, content in FILES.items()}
    run = fetch("tree", given, env=ENV, **EVERYTHING, hashes=hashes)
    assert run.status == 0, run.log
    wrong = {**hashes, "config.json": sri(b"[]")}
    run = fetch("tree", given, env=ENV, **EVERYTHING, hashes=wrong)
    assert run.status == 1
    assert f"expected {sri(b'[]')}, received {sri(b'{}')}" in run.log


def test_no_endpoint(fetch: Fetch) -> None:
    run = fetch("file", source(), env={"AWS_ENDPOINT_URL": "127.0.0.1:9000"}, **CONFIG)
    assert run.status == 1
    assert "is not an http(s) address" in run.log
    assert "Traceback" not in run.log
