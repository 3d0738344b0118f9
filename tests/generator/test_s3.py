"""What is particular about buckets when they are locked."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from aimodels_gen import manifest
from aimodels_gen.errors import ManifestError
from support.amazon import Amazon, amazon
from support.loopback import Response
from support.s3 import ENV, KEY, SECRET, Moto
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.front import Front
    from support.loopback import Request
    from support.project import Project

INTEGRATION = 'integration.huggingface = { org = "my-org", model = "my-model" }\n'
PART = b"p" * (5 << 20)  # the least that S3 takes


@pytest.fixture
def bucket(moto: Moto, front: Front, request: pytest.FixtureRequest) -> str:
    """An empty one."""
    assert front.url
    name = "".join(c for c in request.node.name.lower() if c.isalnum())[-40:] + "-bucket"
    moto.bucket(name)
    return name


def write(project: Project, bucket: str, more: str = "", settings: str = "") -> None:
    source = f'source.s3 = {{ bucket = "{bucket}"{more} }}\n'
    project.write(f"[models.m]\n{source}{INTEGRATION}{settings}\n")


def hashes(project: Project) -> dict[str, str]:
    return {path: file["hash"] for path, file in project.lock["m"]["files"].items()}


def content_requests(front: Front) -> list[Request]:
    return [r for r in front.log if r.method == "GET" and "list-type=2" not in r.path]


# Manifests


BAD = [
    ('prefix = "x"', "models.m.source.s3 has no bucket"),
    ('bucket = "s3://b-1/llama/"', 'here bucket = "b-1", prefix = "llama/"'),
    ('bucket = "b-1/llama"', 'here bucket = "b-1", prefix = "llama/"'),
    ('bucket = "https://b.example.org"', 'endpoint = "https'),
    ('bucket = "b"', "is no name of a bucket"),
    ('bucket = "b-1", prefix = "a/../b"', "has a part . or .."),
    ('bucket = "b-1", region = "eu central"', "which is no region"),
    ('bucket = "b-1", endpoint = "127.0.0.1:9000"', "is no http(s) address of a server"),
    ('bucket = "b-1", endpoint = "https://me:secret@s3.example.org"', "without user"),
    ('bucket = "b-1", key = "AKIA"', "models.m.source.s3.key is not a known key"),
    ('bucket = "b-1", perfix = "x"', "did you mean prefix?"),
]


@pytest.mark.parametrize(("source", "expected"), BAD)
def test_mistakes_are_named(source: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.parse(f"[models.m]\nsource.s3 = {{ {source} }}\n{INTEGRATION}")
    said = f"{caught.value.message}\n{caught.value.hint}"
    assert expected in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "integration", ["", '[models.m.integration.huggingface]\nmodel = "my-model"\n']
)
def test_a_bucket_has_no_name_for_the_cache(integration: str) -> None:
    text = f'[models.m]\nsource.s3.bucket = "my-bucket"\n{integration}'
    with pytest.raises(ManifestError, match="no name of its own for the cache") as caught:
        manifest.parse(text)
    assert 'org = "my-org"' in (caught.value.hint or "")
    plain = text + "[models.m.integration]\nhuggingface = { enable = false }\n"
    if not integration:
        manifest.parse(plain)


# Checksums


def test_a_checksum_of_the_object_is_its_hash(
    moto: Moto, front: Front, bucket: str, project: Project
) -> None:
    files = {f"{n:03}.bin": b"%d" % n for n in range(50)}
    moto.put(bucket, files)
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {path: sri(content) for path, content in files.items()}
    assert len([r for r in front.log if "list-type=2" in r.path]) == 1
    assert len([r for r in front.log if r.method == "HEAD"]) == len(files)
    assert content_requests(front) == []


@pytest.mark.parametrize("checksum", [None, "CRC32", "SHA1"])
def test_other_checksums_are_no_hashes(
    moto: Moto, front: Front, bucket: str, project: Project, checksum: str | None
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=checksum)
    write(project, bucket)
    said = project.run("lock").err
    assert f"s3://{bucket}/ gives no sha256 for 1 file, so that 7 B are read once" in said
    assert hashes(project) == {"a.bin": sri(b"content")}
    assert len(content_requests(front)) == 1


def test_a_checksum_of_checksums_is_no_hash(
    moto: Moto, front: Front, bucket: str, project: Project
) -> None:
    """moto gives it as if it were one, as some servers do: the ETag tells of the parts."""
    moto.put_parts(bucket, "a.bin", PART, b"rest")
    head = moto.api.head_object(Bucket=bucket, Key="a.bin", ChecksumMode="ENABLED")
    composite = hashlib.sha256(hashlib.sha256(PART).digest() + hashlib.sha256(b"rest").digest())
    assert head["ChecksumSHA256"] == base64.b64encode(composite.digest()).decode()
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(PART + b"rest")}
    assert len(content_requests(front)) == 1


def as_amazon_says(front: Front, **headers: str) -> Callable[[Request], Response | None]:
    def fault(request: Request) -> Response | None:
        if request.method != "HEAD":
            return None
        answer = front.forward(request)
        more = {key.replace("_", "-").title(): value for key, value in headers.items()}
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in map(str.lower, more)}
        return Response(answer.status, {**kept, **more})

    return fault


WHOLE = base64.b64encode(hashlib.sha256(b"content").digest()).decode()


@pytest.mark.parametrize(
    ("headers", "reads"),
    [
        ({"x_amz_checksum_sha256": WHOLE, "x_amz_checksum_type": "FULL_OBJECT"}, 0),
        ({"x_amz_checksum_sha256": WHOLE}, 0),
        ({"x_amz_checksum_sha256": WHOLE, "x_amz_checksum_type": "COMPOSITE"}, 1),
        ({"x_amz_checksum_sha256": f"{WHOLE}-2"}, 1),
        ({"x_amz_checksum_sha256": f"{WHOLE}-2", "x_amz_checksum_type": "COMPOSITE"}, 1),
        ({"x_amz_checksum_sha256": WHOLE[:-4]}, 1),
        ({"x_amz_checksum_sha256": "not base64"}, 1),
    ],
)
def test_what_kind_of_checksum_it_is(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    front: Front,
    bucket: str,
    project: Project,
    headers: dict[str, str],
    reads: int,
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)
    front.faults = as_amazon_says(front, **headers)
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(b"content")}
    assert len(content_requests(front)) == reads


def test_what_was_read_is_remembered(
    moto: Moto, front: Front, bucket: str, project: Project
) -> None:
    """By its ETag, also under another prefix, and when the pin is made anew."""
    moto.put(bucket, {"it/a.bin": b"content", "it/b.bin": b"other"}, checksum=None)
    write(project, bucket, ', prefix = "it"')
    project.ok("lock")
    front.clear()
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"it/a.bin": sri(b"content"), "it/b.bin": sri(b"other")}
    assert content_requests(front) == []
    moto.put(bucket, {"it/a.bin": b"changed"}, checksum=None)
    project.ok("lock", "-U")
    assert [r.path.rpartition("/")[2] for r in content_requests(front)] == ["a.bin"]


def test_an_upgrade_costs_a_listing(
    moto: Moto, front: Front, bucket: str, project: Project
) -> None:
    moto.put(bucket, {f"{n}.bin": b"%d" % n for n in range(20)})
    write(project, bucket)
    project.ok("lock")
    front.clear()
    project.ok("lock", "-U")
    assert len(front.log) == 1


def test_an_object_that_is_replaced_meanwhile(
    moto: Moto, front: Front, bucket: str, project: Project
) -> None:
    """Between the listing and what comes after it."""
    moto.put(bucket, {"a.bin": b"content"})

    def fault(request: Request) -> Response | None:
        if request.method == "HEAD":
            moto.put(bucket, {"a.bin": b"changed"})
        return None

    front.faults = fault
    write(project, bucket)
    said = project.fails("lock")
    assert "'a.bin' was replaced while it was being locked" in said
    assert not project.lock_file.exists()


@pytest.mark.parametrize("knows_if_match", [True, False])
def test_an_object_that_is_replaced_while_it_is_read(
    moto: Moto,
    front: Front,
    bucket: str,
    project: Project,
    knows_if_match: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)

    def fault(request: Request) -> Response | None:
        if request.method == "GET" and "list-type" not in request.path:
            moto.put(bucket, {"a.bin": b"changed"}, checksum=None)
            if not knows_if_match:
                etag = '"' + hashlib.md5(b"changed", usedforsecurity=False).hexdigest() + '"'
                return Response(200, {"ETag": etag}, b"changed")
        return None

    front.faults = fault
    write(project, bucket)
    result = project.run("lock")
    assert result.status == 1
    assert "replaced while it was being locked" in result.err
    assert not project.lock_file.exists()


# Versions


def test_versions_are_pinned(moto: Moto, front: Front, project: Project) -> None:
    assert front.url
    moto.bucket("versions", versions=True)
    moto.put("versions", {"a.bin": b"one"})
    write(project, "versions")
    project.ok("lock")
    first = project.lock["m"]["source"]["s3"]["versions"]["a.bin"]
    assert first == moto.api.head_object(Bucket="versions", Key="a.bin")["VersionId"]
    moto.put("versions", {"a.bin": b"one"})
    assert "= 1 unchanged" in project.run("lock", "-U").err, "the same content: the pin is good"
    moto.put("versions", {"a.bin": b"two"})
    project.ok("lock", "-U")
    assert project.lock["m"]["source"]["s3"]["versions"]["a.bin"] != first


def test_objects_of_before_versions_were_kept(moto: Moto, front: Front, project: Project) -> None:
    """Their version is called null, and is replaced like any object without."""
    assert front.url
    moto.bucket("before")
    moto.put("before", {"a.bin": b"one"})
    front.faults = as_amazon_says(front, x_amz_version_id="null")
    write(project, "before")
    project.ok("lock")
    assert "versions" not in project.lock["m"]["source"]["s3"]


# Prefixes and keys


@pytest.fixture
def llamas(moto: Moto, bucket: str) -> str:
    keys = ("models/llama/a", "models/llama-2/b", "models/llama/", "models/one.gguf", "top")
    moto.put(bucket, {key: b"" if key.endswith("/") else key.encode() for key in keys})
    return bucket


@pytest.mark.parametrize("prefix", ["models/llama", "models/llama/"])
def test_a_prefix_is_a_folder(llamas: str, project: Project, prefix: str) -> None:
    """Not the beginning of the names of two."""
    write(project, llamas, f', prefix = "{prefix}"')
    assert f"s3://{llamas}/models/llama/" in project.run("lock").err
    assert hashes(project) == {"a": sri(b"models/llama/a")}


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("models/lama", "look at it with `aws s3 ls"),
        ("models/llam", "there is 'models/llama-2/', 'models/llama/'"),
        ("models/one.gguf", 'write prefix = "models" and include = ["one.gguf"]'),
        ("/models/llama", "keys hardly ever begin with a slash"),
    ],
)
def test_a_prefix_of_nothing(llamas: str, project: Project, prefix: str, hint: str) -> None:
    write(project, llamas, f', prefix = "{prefix}"')
    said = project.fails("lock")
    assert f"s3://{llamas}/{prefix}/ has no objects" in said
    assert hint in said


def test_everything_in_a_bucket(llamas: str, project: Project) -> None:
    write(project, llamas)
    project.ok("lock")
    assert set(hashes(project)) == {"models/llama/a", "models/llama-2/b", "models/one.gguf", "top"}


def test_odd_keys_can_be_left_out(moto: Moto, bucket: str, project: Project) -> None:
    moto.put(bucket, {"config.json": b"{}", "//odd": b"odd", "a/": b"a folder with content"})
    write(project, bucket)
    assert "leave it out with exclude" in project.fails("lock")
    write(project, bucket, settings='exclude = ["//*", "a/"]')
    project.ok("lock")
    assert set(hashes(project)) == {"config.json"}


@pytest.mark.parametrize(
    "key", ["../evil", "a/../../evil", "a/./b", "..", "/evil", "a//b", "a%00b"]
)
def test_hostile_keys(moto: Moto, front: Front, bucket: str, project: Project, key: str) -> None:
    """As any server can list them, coded or not."""
    moto.put(bucket, {"config.json": b"{}", "KEY": b"evil"})

    def fault(request: Request) -> Response | None:
        if "list-type=2" not in request.path:
            return None
        answer = front.forward(request)
        body = b"".join(answer.pieces).replace(b"KEY", key.encode())
        return Response(answer.status, {**answer.headers, "Content-Length": str(len(body))}, body)

    front.faults = fault
    write(project, bucket)
    said = project.fails("lock")
    assert f"names a file {key.replace('%00', chr(0))!r}" in said
    assert not project.lock_file.exists()


def test_keys_that_no_file_system_holds(moto: Moto, bucket: str, project: Project) -> None:
    moto.put(bucket, {"x" * 256: b"long"})
    write(project, bucket)
    assert "too long for a file system" in project.fails("lock")


# Who may read


def refusing(code: str, status: int, **details: str) -> Response:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in details.items())
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code>{inner}</Error>".encode()
    return Response(status, {"Content-Type": "application/xml"}, body)


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
    front: Front, bucket: str, project: Project, code: str, status: int, expected: str
) -> None:
    region = {"Region": "garage"} if code == "AuthorizationHeaderMalformed" else {}
    front.faults = lambda _: refusing(code, status, AWSAccessKeyId=KEY, **region)
    write(project, bucket)
    said = project.fails("lock")
    assert f"(HTTP {status}, {code})" in said
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
    front: Front, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    front.faults = lambda _: refusing("AccessDenied", 403)
    write(project, bucket)
    said = project.fails("lock")
    assert "AWS_PROFILE" in said
    assert "only public buckets" in said


def test_whoever_asks_pays(
    moto: Moto, front: Front, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)

    def fault(request: Request) -> Response | None:
        paid = request.headers.get("x-amz-request-payer") == "requester"
        return None if paid else refusing("AccessDenied", 403)

    front.faults = fault
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
    front: Front,
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
    signed = [r for r in front.log if KEY in r.headers.get("authorization", "")]
    assert signed == front.log
    assert any(r.headers["user-agent"] == "nix-ai-models" for r in front.log)


def test_a_profile_that_is_not_there(
    front: Front, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    write(project, bucket)
    said = project.fails("lock")
    assert "nobody" in said
    assert "aws configure list" in said
    assert not front.log


def test_half_of_the_credentials(
    front: Front, bucket: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    write(project, bucket)
    assert "cannot be used" in project.fails("lock")
    assert not front.log


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{}", b""])
def test_a_server_that_is_none(front: Front, bucket: str, project: Project, body: bytes) -> None:
    front.faults = lambda _: Response(200, {"Content-Type": "text/html"}, body)
    write(project, bucket)
    said = project.fails("lock")
    assert "check the endpoint" in said


def test_no_server(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENV.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    write(project, "my-models", ', endpoint = "http://127.0.0.1:1"')
    said = project.fails("lock")
    assert "cannot reach the server of s3://my-models/" in said


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
    front: Front,
    bucket: str,
    project: Project,
    headers: dict[str, str],
    warned: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    moto.put(bucket, {"a.bin": b"content", "b.bin": b"content"})
    front.faults = as_amazon_says(front, **headers)
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
