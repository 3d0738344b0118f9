"""What buckets say of their content, and what has to be read."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.digests import new_hash
from generator.sources.buckets import as_amazon_says, content_requests, hashes, write
from support.loopback import LoopbackServer, Response
from support.specs import sri

if TYPE_CHECKING:
    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto


PART = b"p" * (5 << 20)  # the least that S3 takes


def test_a_checksum_of_the_object_is_its_hash(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    files = {f"{n:03}.bin": b"%d" % n for n in range(50)}
    moto.put(bucket, files)
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {path: sri(content) for path, content in files.items()}
    assert len([r for r in recording_proxy.log if "list-type=2" in r.path]) == 1
    assert len([r for r in recording_proxy.log if r.method == "HEAD"]) == len(files)
    assert content_requests(recording_proxy) == []


@pytest.mark.parametrize("checksum", [None, "CRC32", "SHA1"])
def test_other_checksums_are_no_hashes(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project, checksum: str | None
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=checksum)
    write(project, bucket)
    said = project.run("lock").err
    assert f"s3://{bucket}/ publishes no sha256 for 1 file; reading 7 B once" in said
    assert hashes(project) == {"a.bin": sri(b"content")}
    assert len(content_requests(recording_proxy)) == 1


def test_a_checksum_of_checksums_is_no_hash(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    """moto gives it as if it were one, as some servers do: the ETag tells of the parts."""
    moto.put_parts(bucket, "a.bin", PART, b"rest")
    head = moto.api.head_object(Bucket=bucket, Key="a.bin", ChecksumMode="ENABLED")
    composite = hashlib.sha256(hashlib.sha256(PART).digest() + hashlib.sha256(b"rest").digest())
    assert head["ChecksumSHA256"] == base64.b64encode(composite.digest()).decode()
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(PART + b"rest")}
    read = sum(request.sent_bytes for request in content_requests(recording_proxy))
    assert read == len(PART + b"rest"), "once, if need be in parts"


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
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    headers: dict[str, str],
    reads: int,
) -> None:
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)
    recording_proxy.faults = as_amazon_says(recording_proxy, **headers)
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(b"content")}
    assert len(content_requests(recording_proxy)) == reads


@pytest.mark.parametrize("checksum", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_of_other_content(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project, checksum: str
) -> None:
    """Where only the answer with the content has it."""
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)
    name = f"x-amz-checksum-{checksum.lower()}"
    hashed = new_hash(checksum.lower())
    hashed.update(b"content")
    announced = base64.b64encode(bytes.fromhex(hashed.hexdigest())).decode()

    def fault(request: Request) -> Response | None:
        if "list-type=2" in request.path:
            return None
        answer = recording_proxy.forward(request)
        said = {} if request.method == "HEAD" else {name: announced}
        headers = {
            k: v for k, v in answer.headers.items() if not k.lower().startswith("x-amz-checksum-")
        }
        body = b"" if request.method == "HEAD" else b"Content"
        return Response(answer.status, {**headers, **said}, body)

    recording_proxy.faults = fault
    write(project, bucket)
    result = project.run("lock")
    assert result.status == 1
    assert f"{name} announces {checksum.lower()}-" in result.err
    assert not project.lock_file.exists()


def test_what_was_read_is_remembered(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    """By its ETag, also under another prefix, and when the pin is made anew."""
    moto.put(bucket, {"it/a.bin": b"content", "it/b.bin": b"other"}, checksum=None)
    write(project, bucket, ', prefix = "it"')
    project.ok("lock")
    recording_proxy.clear()
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"it/a.bin": sri(b"content"), "it/b.bin": sri(b"other")}
    assert content_requests(recording_proxy) == []
    moto.put(bucket, {"it/a.bin": b"changed"}, checksum=None)
    project.ok("lock", "-U")
    assert [r.path.rpartition("/")[2] for r in content_requests(recording_proxy)] == ["a.bin"]


def test_an_upgrade_costs_a_listing(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    moto.put(bucket, {f"{n}.bin": b"%d" % n for n in range(20)})
    write(project, bucket)
    project.ok("lock")
    recording_proxy.clear()
    project.ok("lock", "-U")
    assert len(recording_proxy.log) == 1


def test_an_object_that_is_replaced_meanwhile(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    """Between the listing and what comes after it."""
    moto.put(bucket, {"a.bin": b"content"})

    def fault(request: Request) -> Response | None:
        if request.method == "HEAD":
            moto.put(bucket, {"a.bin": b"changed"})
        return None

    recording_proxy.faults = fault
    write(project, bucket)
    said = project.fails("lock")
    assert "'a.bin' was replaced while it was being locked" in said
    assert not project.lock_file.exists()
    recording_proxy.faults = lambda _: None
    project.follow(said)
    assert hashes(project) == {"a.bin": sri(b"changed")}


@pytest.mark.parametrize("knows_if_match", [True, False])
def test_an_object_that_is_replaced_while_it_is_read(
    moto: Moto,
    recording_proxy: RecordingProxy,
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

    recording_proxy.faults = fault
    write(project, bucket)
    result = project.run("lock")
    assert result.status == 1
    assert "replaced while it was being locked" in result.err
    assert not project.lock_file.exists()
    recording_proxy.faults = lambda _: None
    project.follow(result.err)


@pytest.mark.parametrize(
    "answer",
    [
        Response(400),
        Response(405),
        Response(501),
        Response(200, {"Content-Length": "0"}),
        Response(200, framing="chunked"),
    ],
)
def test_servers_that_do_not_know_head(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project, answer: Response
) -> None:
    """GET has the last word."""
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)
    recording_proxy.faults = lambda r: answer if r.method == "HEAD" else None
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(b"content")}


def test_the_checksum_and_the_version_are_those_of_get(
    moto: Moto, recording_proxy: RecordingProxy, project: Project
) -> None:
    """Where HEAD is refused; nothing has to be read for them."""
    moto.bucket("without-head", versions=True)
    moto.put("without-head", {"a.bin": b"content" * 99999})
    recording_proxy.faults = lambda r: Response(405) if r.method == "HEAD" else None
    write(project, "without-head")
    assert "publishes no sha256" not in project.run("lock").err
    assert hashes(project) == {"a.bin": sri(b"content" * 99999)}
    assert project.lock["m"]["source"]["s3"]["versions"]["a.bin"]


@pytest.mark.parametrize("methods", [("GET",), ("GET", "HEAD")])
def test_a_bucket_that_redirects_to_another_server(
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    methods: tuple[str, ...],
) -> None:
    """As Hugging Face's do; its ETags are of another kind."""
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)
    cdn = LoopbackServer(
        lambda r: Response(
            200,
            {"ETag": '"of-the-cdn"', "Content-Length": "7"},
            b"content" if r.method == "GET" else b"",
        )
    )
    recording_proxy.faults = lambda r: (
        Response(302, {"Location": f"{cdn.url}/x?signature=1"})
        if r.method in methods and "list-type=2" not in r.path
        else None
    )
    write(project, bucket)
    project.ok("lock")
    cdn.close()
    assert hashes(project) == {"a.bin": sri(b"content")}
    assert all("authorization" not in request.headers for request in cdn.log)


# Versions


def test_a_server_without_etags(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    """Nobody knows whether an object is the same: it is read each time."""
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)

    def fault(request: Request) -> Response:
        answer = recording_proxy.forward(request)
        headers = {key: value for key, value in answer.headers.items() if key.lower() != "etag"}
        body = re.sub(rb"<ETag>.*?</ETag>", b"", b"".join(answer.pieces))
        if request.method == "GET":
            headers["Content-Length"] = str(len(body))
        return Response(answer.status, headers, body)

    recording_proxy.faults = fault
    write(project, bucket)
    project.ok("lock")
    assert hashes(project) == {"a.bin": sri(b"content")}
    recording_proxy.clear()
    project.ok("lock", "-U")
    assert len(content_requests(recording_proxy)) == 1


def test_versions_are_pinned(moto: Moto, recording_proxy: RecordingProxy, project: Project) -> None:
    assert recording_proxy.url
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


def test_objects_of_before_versions_were_kept(
    moto: Moto, recording_proxy: RecordingProxy, project: Project
) -> None:
    """Their version is called null, and is replaced like any object without."""
    assert recording_proxy.url
    moto.bucket("before")
    moto.put("before", {"a.bin": b"one"})
    recording_proxy.faults = as_amazon_says(recording_proxy, x_amz_version_id="null")
    write(project, "before")
    project.ok("lock")
    assert "versions" not in project.lock["m"]["source"]["s3"]
