"""What builds of files in buckets refuse: the same build succeeds after the hint."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fetcher.remedies.world import CONTENT, World, follow
from support.recording_proxy import RecordingProxy
from support.remedies import cure
from support.s3 import ENV, Moto, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fetcher.remedies.world import Step
    from support.remedies import Remedy


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        moto.bucket("my-models")
        moto.put("my-models", {"it/a.json": CONTENT})
        yield moto


@pytest.fixture
def bucket(world: World, moto: Moto) -> Iterator[World]:
    with RecordingProxy(moto.url) as proxy:
        world.kind = "s3"
        world.url = proxy.url
        world.keys = {
            "bucket": "my-models",
            "prefix": "it/",
            "region": None,
            "endpoint": proxy.url,
            "versions": {},
        }
        world.env = dict(ENV)
        world.hub = proxy  # type: ignore[assignment]
        yield world


def refuses(world: World, code: str, status: int = 403, **details: str) -> None:
    world.hub.faults = lambda _: refusal(code, status, **details)


def until(world: World, header: str, value: str, code: str) -> None:
    world.hub.faults = lambda r: None if value in r.headers.get(header, "") else refusal(code, 403)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure(
            "check the bucket and the prefix",
            lambda w: (w.tree(), w.has(prefix="zzz/")),
            lambda w: w.has(prefix="it/"),
        ),
        cure(
            "give this instance a role that can read the bucket, or unset the variable",
            lambda w: w.env.update(
                AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                AWS_EC2_METADATA_DISABLED="false",
                AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9",
            ),
            lambda w: w.env.update({**ENV, "AWS_EC2_METADATA_DISABLED": ""}),
        ),
        cure(
            "set both or none; …",
            lambda w: w.env.update(AWS_SECRET_ACCESS_KEY=""),
            lambda w: w.env.update(ENV),
        ),
        cure(
            "…; if it is right, …",
            lambda w: w.has(endpoint=f"{w.url}/my-models"),
            lambda w: w.has(endpoint=w.url),
        ),
        cure(
            "restore it with `aws s3api restore-object`",
            lambda w: refuses(w, "InvalidObjectState"),
            World.recovers,
        ),
        cure(
            "check its name, the region and the endpoint",
            lambda w: refuses(w, "NoSuchBucket", 404),
            World.recovers,
        ),
        cure("…, or check the prefix", lambda w: w.has(prefix="zzz/"), lambda w: w.has(prefix="it/")),
        cure(
            "set region to that of the bucket",
            lambda w: until(w, "authorization", "eu-west-1", "PermanentRedirect"),
            lambda w: w.has(region="eu-west-1"),
        ),
        cure(
            "set the AWS_SECRET_ACCESS_KEY that was issued with AWS_ACCESS_KEY_ID",
            lambda w: refuses(w, "SignatureDoesNotMatch"),
            World.recovers,
        ),
    ],
)  # fmt: skip
def test_a_refusal(bucket: World, remedy: Remedy, broken: Step, mended: Step) -> None:
    follow(bucket, remedy, broken, mended)
