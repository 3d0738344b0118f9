"""What buckets refuse when locking: the hint is followed, and the model is locked."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.sources.s3 import credentials
from generator.remedies.world import World
from generator.sources.buckets import write
from support.loopback import Response
from support.remedies import cure
from support.s3 import ENV, KEY, SECRET, refusal

if TYPE_CHECKING:
    from generator.remedies.world import Step
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.remedies import Remedy
    from support.s3 import Moto

KEYS = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"


@dataclass
class InABucket(World):
    """A project with a model in a bucket."""

    moto: Moto
    proxy: RecordingProxy
    bucket: str
    home: Path

    def write(self, more: str = "", settings: str = "") -> None:
        write(self.project, self.bucket, more, settings)

    def profile(self, text: str, **variables: str | None) -> None:
        """Write a profile, and leave only that."""
        (self.home / ".aws").mkdir(exist_ok=True)
        (self.home / ".aws/config").write_text(f"[default]\n{text}")
        keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
        self.set(**{**keys, **variables})

    def refuses(self, code: str, status: int = 403, **details: str) -> None:
        self.proxy.faults = lambda _: refusal(code, status, **details)

    def recovers(self) -> None:
        self.proxy.faults = lambda _: None

    def signs(self, code: str, header: str, value: str, **variables: str) -> None:
        """Refuse requests until a header has something that only other variables give it."""
        self.set(**variables)
        self.proxy.faults = lambda r: (
            None if value in r.headers.get(header, "") else refusal(code, 403)
        )


@pytest.fixture
def world(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> InABucket:
    moto.put(bucket, {"it/a.bin": b"content"})
    world = InABucket(project, monkeypatch, moto, recording_proxy, bucket, home)
    world.write()
    return world


def anonymous(world: InABucket) -> None:
    world.signs("AccessDenied", "authorization", KEY)
    world.set(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)


def odd(world: InABucket) -> None:
    world.proxy.faults = lambda _: Response(200, {"Content-Type": "text/html"}, b"<html>")


def replaced(world: InABucket) -> None:
    """Let objects change while they are read."""

    def fault(request: Any) -> Response | None:
        if request.method != "HEAD":
            return None
        return world.proxy.forward(request).with_headers(ETag='"other"')

    world.proxy.faults = fault


def elsewhere(world: InABucket) -> None:
    world.write(', region = "us-west-1"')
    said = {"x-amz-bucket-region": "eu-west-1"}
    world.proxy.faults = lambda r: world.proxy.forward(r).with_headers(**said)


def listed(world: InABucket) -> None:
    """Run `aws` as the message shows it: it lists what is there, which has another prefix."""
    (command,) = re.findall("`(aws s3 ls [^`]*)`", world.said)
    world.proxy.faults = lambda _: None
    aws = Path(sys.executable).with_name("aws")
    words = shlex.split(command)
    if aws.exists():
        done = subprocess.run([aws, *words[1:]], check=False, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
    where = words[words.index("--endpoint-url") + 1]
    assert where == world.proxy.url
    world.moto.put(world.bucket, {"a.bin": b"content"})


def own_key(world: InABucket) -> None:
    world.set(AWS_ACCESS_KEY_ID="AKIAOTHER")
    world.proxy.faults = lambda r: (
        None if KEY in r.headers.get("authorization", "") else refusal("InvalidAccessKeyId", 403)
    )


def payer(world: InABucket) -> None:
    world.proxy.faults = lambda r: (
        None if r.headers.get("x-amz-request-payer") else refusal("AccessDenied", 403)
    )


MAY = (
    "the credentials may not read it (s3:ListBucket for …, s3:GetObject for what is in it), there "
    "are none, or the requester pays: set AWS_REQUEST_PAYER=requester"
)
PROGRAM = (
    "check credential_process and the other settings of …: `aws configure list` shows what is used"
)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure(
            'write its name only; a server goes into endpoint = "https://…"',
            lambda w: write(w.project, "a/b"),
            InABucket.write,
        ),
        cure(
            'write the directory only, such as prefix = "llama/"',
            lambda w: w.write(', prefix = "https://example.org/it"'),
            lambda w: w.write(', prefix = "it/"'),
        ),
        cure(
            "name a prefix without such parts: no request can be made for them",
            lambda w: w.write(', prefix = "./it"'),
            lambda w: w.write(', prefix = "it"'),
        ),
        cure(
            "write one like eu-central-1",
            lambda w: w.write(', region = "eu central"'),
            lambda w: w.write(', region = "us-east-1"'),
        ),
        cure(
            "write a URL like https://s3.example.org, without user, password or query",
            lambda w: w.write(f', endpoint = "{w.proxy.url}?a=b"'),
            lambda w: w.write(f', endpoint = "{w.proxy.url}"'),
        ),
        cure(
            "keys hardly ever begin with a slash: write prefix = …",
            lambda w: w.write(', prefix = "/it"'),
            lambda w: w.write(f", prefix = {w.hint[0]}"),
        ),
        cure(
            "it is an object: write prefix = … and include = […]",
            lambda w: w.write(', prefix = "it/a.bin"'),
            lambda w: w.write(f", prefix = {w.hint[0]}", f"include = [{w.hint[1]}]\n"),
        ),
        cure(
            "there is …",
            lambda w: w.write(', prefix = "i"'),
            lambda w: w.write(f', prefix = "{w.hint[0].strip(chr(39))}"'),
        ),
        cure(
            "run `…` again",
            replaced,
            InABucket.recovers,
        ),
        cure(
            "put the file itself there, or leave it out with exclude = …",
            lambda w: w.moto.put(w.bucket, {"it/m.gguf": b"<html>"}, checksum=None),
            lambda w: w.write("", f"exclude = {w.hint[0]}\n"),
        ),
        cure(
            "look at it with `…`",
            lambda w: (w.moto.api.delete_object(Bucket=w.bucket, Key="it/a.bin")),
            listed,
        ),
        cure(
            "check the endpoint, the region, the network and the proxy settings, then try again",
            lambda w: w.write(', endpoint = "http://127.0.0.1:9"'),
            InABucket.write,
        ),
        cure(
            "try again later; if it stays so, check the endpoint",
            lambda w: w.refuses("SlowDown", 503),
            InABucket.recovers,
        ),
        cure(
            "write a section [services …] in ~/.aws/config, or remove the line",
            lambda w: w.profile(f"services = ours\n{KEYS}", AWS_ENDPOINT_URL=None),
            lambda w: w.profile(
                f"services = ours\n{KEYS}"
                f"[services {w.hint[0]}]\ns3 =\n  endpoint_url = {w.proxy.url}\n"
            ),
        ),
        cure(
            "check its permissions, and AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
            lambda w: w.profile("", AWS_CONFIG_FILE="/etc"),
            lambda w: w.profile(KEYS, AWS_CONFIG_FILE=None),
        ),
        cure(
            "`aws configure list-profiles` lists those that do",
            lambda w: w.profile(KEYS, AWS_PROFILE="nobody"),
            lambda w: w.set(AWS_PROFILE="default"),
        ),
        cure(
            "set it to one, or unset it",
            lambda w: w.profile("", AWS_METADATA_SERVICE_TIMEOUT="abc"),
            lambda w: w.profile(KEYS, AWS_METADATA_SERVICE_TIMEOUT=None),
        ),
        cure(
            PROGRAM,
            lambda w: w.profile("credential_process = /missing/program\n"),
            lambda w: w.profile(KEYS),
        ),
        cure(
            "check credential_process and the other settings of … in ~/.aws",
            lambda w: (
                w.patch.setattr(credentials, "_LONGEST", 0.2),
                w.profile("credential_process = sleep 2\n"),
            ),
            lambda w: w.profile(KEYS),
        ),
        cure(
            "log in again, for example with `aws sso login`, or try again later",
            lambda w: w.profile(
                "sso_start_url = https://127.0.0.1:9/\nsso_region = us-east-1\n"
                "sso_account_id = 1\nsso_role_name = r\n"
            ),
            lambda w: w.profile(KEYS),
        ),
        cure(
            "check AWS_PROFILE and ~/.aws: `aws configure list` shows what is used",
            lambda w: w.profile("aws_access_key_id = a\n"),
            lambda w: w.profile(KEYS),
        ),
        cure(
            'write region = "…"',
            lambda w: w.signs(
                "AuthorizationHeaderMalformed", "authorization", "/garage/"
            ) or w.refuses("AuthorizationHeaderMalformed", 400, Region="garage"),
            lambda w: (w.recovers(), w.write(f', region = "{w.hint[0]}"')),
        ),
        cure('write region = "…", or leave it out', elsewhere, lambda w: w.write(f', region = "{w.hint[0]}"')),
        cure('write region = "…", or leave it out', elsewhere, InABucket.write),
        cure(
            "check its name and the endpoint, which is the URL of an S3 server",
            lambda w: write(w.project, "nobodys", f', endpoint = "{w.proxy.url}"'),
            InABucket.write,
        ),
        cure(
            "check the endpoint and the region of …",
            lambda w: w.refuses("SomethingElse", 400),
            InABucket.recovers,
        ),
        cure(
            'take the name of the bucket off the endpoint: endpoint = "…"',
            lambda w: w.write(f', endpoint = "{w.proxy.url}/{w.bucket}"'),
            lambda w: w.write(f', endpoint = "{w.hint[0]}"'),
        ),
        cure(
            "check the endpoint: it is the URL of the S3 API, not of a website or a web console",
            odd,
            InABucket.recovers,
        ),
        cure(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; without credentials "
            "only public buckets can be read",
            anonymous,
            lambda w: w.set(**ENV),
        ),
        cure(MAY, payer, lambda w: w.set(AWS_REQUEST_PAYER="requester")),
        cure(
            "the session is over: get new credentials, for example with `aws sso login`",
            lambda w: w.signs("ExpiredToken", "x-amz-security-token", "new"),
            lambda w: w.set(AWS_SESSION_TOKEN="new"),
        ),
        cure(
            "the server does not know AWS_ACCESS_KEY_ID: use keys of this server",
            own_key,
            lambda w: w.set(**ENV),
        ),
        cure(
            "set the AWS_SESSION_TOKEN that was issued with the keys",
            lambda w: w.signs("InvalidToken", "x-amz-security-token", "new"),
            lambda w: w.set(AWS_SESSION_TOKEN="new"),
        ),
        cure(
            "get new credentials",
            lambda w: w.signs("TokenRefreshRequired", "x-amz-security-token", "new"),
            lambda w: w.set(AWS_SESSION_TOKEN="new"),
        ),
        cure(
            "set the clock of this machine",
            lambda w: w.refuses("RequestTimeTooSkewed"),
            InABucket.recovers,
        ),
        cure(
            "set both or none; …",
            lambda w: w.set(AWS_SECRET_ACCESS_KEY=None),
            lambda w: w.set(**ENV),
        ),
        cure(
            "copy it again, without anything around it",
            lambda w: w.set(AWS_SECRET_ACCESS_KEY=f"{SECRET}\n"),
            lambda w: w.set(**ENV),
        ),
        cure(
            "write one like https://s3.example.org, without user, password or query",
            lambda w: w.set(AWS_ENDPOINT_URL="s3.example.org"),
            lambda w: w.set(AWS_ENDPOINT_URL=w.proxy.url),
        ),
        cure(
            "set it to `requester`, or unset it",
            lambda w: w.set(AWS_REQUEST_PAYER="me"),
            lambda w: w.set(AWS_REQUEST_PAYER="requester"),
        ),
        cure(
            "write …, or leave it out",
            lambda w: w.set(AWS_REGION="eu west 1"),
            lambda w: w.set(AWS_REGION=w.hint[0].removeprefix("one like ")),
        ),
    ],
)  # fmt: skip
def test_a_refusal_of_a_bucket(
    world: InABucket, remedy: Remedy, broken: Step, mended: Step
) -> None:
    world.follows(remedy, broken, mended)
