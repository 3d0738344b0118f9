"""Objects: their versions, listings, names and hashes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from fetcher.s3.helpers import CONFIG, FILES, WEIGHTS, source
from support.loopback import Response
from support.s3 import ENV, Moto
from support.specs import EVERYTHING, sri

if TYPE_CHECKING:
    from support.fetcher import Fetch
    from support.loopback import Request
    from support.recording_proxy import RecordingProxy


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
        LISTING.format(rest=ROW.format(key="it/x", size="")),
        LISTING.format(rest=ROW.format(key="it/x", size="+1")),
        LISTING.format(rest=ROW.format(key="it/x", size="1_000")),
        LISTING.format(rest=ROW.format(key="it/x", size="9" * 5000)),
        LISTING.format(rest=ROW.format(key="it/x", size=1 << 63)),
        LISTING.format(rest=ROW.format(key="", size=1)),
        LISTING.format(rest="<Contents><Key>it/x</Key></Contents>"),
        LISTING.format(rest="<Contents><Size>1</Size></Contents>"),
        ENTITIES,
    ],
)
def test_listings_that_are_none(recording_proxy: RecordingProxy, fetch: Fetch, body: str) -> None:
    recording_proxy.faults = lambda _: Response(
        200, {"Content-Type": "application/xml"}, body.encode()
    )
    run = fetch.quick("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
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
    assert "the listing does not end" in run.log
    assert len(recording_proxy.log) == 2


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("tokens", ["new", "in turn"])
def test_a_listing_without_an_end(
    recording_proxy: RecordingProxy, fetch: Fetch, rows: int, tokens: str
) -> None:
    """Its pages may be empty, all new, or go in a circle."""
    numbers = itertools.count(1)

    def fault(_: Request) -> Response:
        number = next(numbers)
        token = number if tokens == "new" else number % 3
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}"
        page = ROW.format(key=f"it/{number}", size=1) * rows + f"{more}</NextContinuationToken>"
        return Response(200, {}, LISTING.format(rest=page).encode())

    recording_proxy.faults = fault
    run = fetch.but(**{"pages.MAX_PAGES": 9})(
        "tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING
    )
    assert run.status == 1
    assert "the listing" in run.log
    assert len(recording_proxy.log) == (9 if tokens == "new" else 4)


def test_an_empty_page_before_the_last(recording_proxy: RecordingProxy, fetch: Fetch) -> None:
    """S3 may send some, as it may send pages that are not full."""
    rest = "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    pages = iter([rest, ROW.format(key="it/config.json", size=2)])
    recording_proxy.faults = lambda request: (
        Response(200, {}, LISTING.format(rest=next(pages)).encode())
        if "list-type" in request.path
        else None
    )
    run = fetch("tree", source(endpoint=recording_proxy.url), env=ENV, **EVERYTHING)
    assert run.status == 0, run.log
    assert (run.snapshot / "config.json").read_bytes() == b"{}"


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
