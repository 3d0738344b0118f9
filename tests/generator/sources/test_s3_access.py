"""Who may read a bucket, what of it can be had, and where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.buckets import as_amazon_says, hashes, write
from support.amazon import Amazon, amazon
from support.loopback import LoopbackServer, Response
from support.s3 import ENV, KEY, SECRET, refusal
from support.specs import sri
from support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("AccessDenied", 403, "s3:ListBucket"),
        ("ExpiredToken", 400, "the session is over"),
        ("InvalidAccessKeyId", 403, "does not know AWS_ACCESS_KEY_ID"),
        ("InvalidToken", 400, "AWS_SESSION_TOKEN"),
        ("NoSuchBucket", 404, "there is no bucket"),
        ("RequestTimeTooSkewed", 403, "set the clock"),
        ("SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"),
        ("SlowDown", 503, "try again later"),
        ("InternalError", 500, "try again later"),
        ("SomethingElse", 400, "check the endpoint"),
        ("AuthorizationHeaderMalformed", 400, 'write region = "garage"'),
    ],
)
def test_refusals(  # noqa: PLR0913, PLR0917 (fixtures)
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    code: str,
    status: int,
    expected: str,
) -> None:
    region = {"Region": "garage"} if code == "AuthorizationHeaderMalformed" else {}
    recording_proxy.faults = lambda _: refusal(code, status, AWSAccessKeyId=KEY, **region)
    write(project, bucket)
    said = project.fails("lock")
    assert f"HTTP {status} ({code})" in said
    assert expected in said
    assert KEY not in said


def test_a_public_bucket(
    moto: Moto, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials, requests are anonymous."""
    moto.put(bucket, {"a.bin": b"content"}, ACL="public-read")
    moto.api.put_bucket_acl(Bucket=bucket, ACL="public-read")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(b"content")}


def test_a_private_bucket_without_credentials(
    recording_proxy: RecordingProxy, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    recording_proxy.faults = lambda _: refusal("AccessDenied", 403)
    write(project, bucket)
    said = project.fails("lock")
    assert "AWS_PROFILE" in said
    assert "only public buckets" in said


def test_whoever_asks_pays(
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)

    def fault(request: Request) -> Response | None:
        paid = request.headers.get("x-amz-request-payer") == "requester"
        return None if paid else refusal("AccessDenied", 403)

    recording_proxy.faults = fault
    write(project, bucket)
    assert "AWS_REQUEST_PAYER=requester" in project.fails("lock")
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    project.ok("lock")


@pytest.fixture
def profile(project: Project, home: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile of the user's, and nothing in the environment but its name."""
    folder = project.dir / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        f"[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("HOME", str(project.dir))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert home
    return "work"


@pytest.mark.parametrize("settings", ["", 'pin = "tree"'])
def test_a_profile_is_for_the_fetcher_too(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    profile: str,
    settings: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert profile
    monkeypatch.setenv("NIX_STORE_DIR", str(project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(project.dir / "var"))
    moto.put(bucket, {"a.bin": b"content"})
    write(project, bucket, settings=settings)
    project.ok("lock")
    project.ok("prefetch")
    signed = [r for r in recording_proxy.log if KEY in r.headers.get("authorization", "")]
    assert signed == recording_proxy.log
    assert any(r.headers["user-agent"] == "nix-ai-models" for r in recording_proxy.log)


def test_a_profile_that_is_not_there(
    recording_proxy: RecordingProxy, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    write(project, bucket)
    said = project.fails("lock")
    assert "nobody" in said
    assert "aws configure list" in said
    assert not recording_proxy.log


def test_half_of_the_credentials(
    recording_proxy: RecordingProxy, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    write(project, bucket)
    assert "AWS_SECRET_ACCESS_KEY is not set" in project.fails("lock")
    assert not recording_proxy.log


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{}", b""])
def test_a_server_that_is_none(
    recording_proxy: RecordingProxy, bucket: str, project: Project, body: bytes
) -> None:
    recording_proxy.faults = lambda _: Response(200, {"Content-Type": "text/html"}, body)
    write(project, bucket)
    said = project.fails("lock")
    assert "check the endpoint" in said


@pytest.mark.parametrize("more", ["", "/", "/it"])
def test_an_endpoint_with_the_name_of_the_bucket(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project, more: str
) -> None:
    """As the page of a bucket shows it."""
    moto.put(bucket, {"a.bin": b"content"})
    write(project, bucket, f', endpoint = "{recording_proxy.url}/{bucket}{more}"')
    said = project.fails("lock")
    assert f"there is no bucket {bucket} at {recording_proxy.url}/{bucket}" in said
    hint = f'take the name of the bucket off the endpoint: endpoint = "{recording_proxy.url}"'
    assert hint in said
    assert "replaced" not in said
    write(project, bucket, f', endpoint = "{recording_proxy.url}"')
    project.ok("lock")


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", [b"<html>log in</html>", b'{"error": "no"}', b""])
def test_a_web_server(
    recording_proxy: RecordingProxy, bucket: str, project: Project, status: int, body: bytes
) -> None:
    recording_proxy.faults = lambda _: Response(status, {"Content-Type": "text/html"}, body)
    write(project, bucket)
    said = project.fails("lock")
    expected = "does not answer like S3" if status == 200 else f"there is no bucket {bucket} at"
    assert expected in said
    assert "endpoint" in said.rpartition("hint: ")[2]
    assert "replaced" not in said


def test_no_server(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENV.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    write(project, "my-models", ', endpoint = "http://127.0.0.1:1"')
    said = project.fails("lock")
    assert "cannot reach the server of s3://my-models/" in said


def test_a_certificate_that_is_not_trusted(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in ENV.items():
        monkeypatch.setenv(variable, value)
    authority = Authority.make(tmp_path)
    server = LoopbackServer(lambda _: Response(404), authority.server())
    write(project, "my-models", f', endpoint = "{server.url}"')
    said = project.fails("lock")
    assert "certificate is not trusted" in said
    assert "SSL_CERT_FILE" in said
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    assert "there is no bucket my-models at" in project.fails("lock")
    server.close()


# What cannot be fetched though it is there


@pytest.mark.parametrize(
    ("headers", "warned"),
    [
        ({"x_amz_storage_class": "GLACIER"}, True),
        ({"x_amz_storage_class": "DEEP_ARCHIVE"}, True),
        ({"x_amz_storage_class": "GLACIER_IR"}, False),
        ({"x_amz_storage_class": "GLACIER", "x_amz_restore": 'ongoing-request="true"'}, True),
        (
            {"x_amz_storage_class": "GLACIER", "x_amz_restore": 'ongoing-request="false"'},
            False,
        ),
        (
            {
                "x_amz_storage_class": "INTELLIGENT_TIERING",
                "x_amz_archive_status": "ARCHIVE_ACCESS",
            },
            True,
        ),
    ],
)
def test_archived_objects(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    headers: dict[str, str],
    warned: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    moto.put(bucket, {"a.bin": b"content", "b.bin": b"content"})
    recording_proxy.faults = as_amazon_says(recording_proxy, **headers)
    write(project, bucket)
    result = project.run("lock")
    assert result.status == 0
    assert result.err.count("has archived objects") == int(warned)


# Regions


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    with amazon(tmp_path_factory.mktemp("amazon")) as somewhere:
        somewhere.moto.bucket("my-models")
        somewhere.moto.put("my-models", {"it/a.bin": b"content"})
        yield somewhere


@pytest.mark.parametrize("variable", [None, "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_is_found_and_locked(
    somewhere: Amazon, project: Project, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    """Builds then need not find it, and know no AWS_REGION of the user's."""
    for name, value in somewhere.env.items():
        monkeypatch.setenv(name, value)
    if variable:
        monkeypatch.setenv(variable, "eu-west-1")
    write(project, "my-models", ', prefix = "it"')
    assert 'region = "eu-central-1";' in project.ok("lock")
    assert hashes(project) == {"a.bin": sri(b"content")}


def test_the_wrong_region(
    somewhere: Amazon, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in somewhere.env.items():
        monkeypatch.setenv(name, value)
    write(project, "my-models", ', prefix = "it", region = "eu-west-1"')
    said = project.fails("lock")
    assert "is in eu-central-1, not in eu-west-1" in said
    assert 'write region = "eu-central-1"' in said
