"""What a server refuses, and who can mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fetcher.s3.helpers import CONFIG, source
from support.s3 import ENV, KEY, refusal

if TYPE_CHECKING:
    from support.fetcher import Fetch
    from support.loopback import Request, Response
    from support.recording_proxy import RecordingProxy


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
        ("NoSuchKey", 404, "run `aimodels-gen update NAME`"),
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
    run = fetch.quick("file", source(endpoint=recording_proxy.url), env=ENV, **CONFIG)
    assert run.status == 0, run.log
