"""Real S3 servers: moto, which knows checksums, versions and who may read, and hadro."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import requests
from botocore.config import Config

from support.fake_repo import chunks
from support.loopback import Response
from support.program import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.fake_repo import Content

# Rows in a page of a listing. Amazon has 1000, which takes a test longer to exceed.
PAGE = 100
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ENV = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def refusal(code: str, status: int, **details: str) -> Response:
    """What S3 answers where it refuses."""
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in details.items())
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code>{inner}</Error>".encode()
    return Response(status, {"Content-Type": "application/xml"}, body)


def client(url: str, service: str = "s3", key: str = KEY, secret: str = SECRET) -> Any:
    """botocore's client for a server, which signs with these keys."""
    return botocore.session.Session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}),
    )


class Moto(Program):
    """moto's server: everything that AWS does, in memory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            [Path(sys.executable).with_name("moto_server"), "-p", "0"],
            r"Running on (http://[0-9.:]+)",
            directory,
            {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)},
        )
        self.api = client(self.url)

    def bucket(self, name: str, *, versions: bool = False) -> None:
        """Make a bucket, if need be one that keeps versions."""
        self.api.create_bucket(Bucket=name)
        if versions:
            self.api.put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Enabled"}
            )

    def put(
        self,
        bucket: str,
        files: Mapping[str, Content],
        *,
        checksum: str | None = "SHA256",
        **more: str,
    ) -> None:
        """Upload objects, each with a checksum of that kind."""
        with_checksum = {} if checksum is None else {"ChecksumAlgorithm": checksum}
        for key, content in files.items():
            body = b"".join(chunks(content))
            self.api.put_object(Bucket=bucket, Key=key, Body=body, **with_checksum, **more)

    def put_parts(self, bucket: str, key: str, *parts: bytes) -> None:
        """Upload an object in parts, of which S3 has only a checksum of their checksums."""
        upload = self.api.create_multipart_upload(
            Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256"
        )
        where = {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}
        done = [
            self.api.upload_part(**where, PartNumber=n, Body=part, ChecksumAlgorithm="SHA256")
            for n, part in enumerate(parts, 1)
        ]
        described = [
            {"PartNumber": n, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
            for n, part in enumerate(done, 1)
        ]
        self.api.complete_multipart_upload(**where, MultipartUpload={"Parts": described})

    def reader(self, name: str, *allowed: str) -> tuple[str, str]:
        """Make a user who may do these things, such as `s3:GetObject`; the answer is the keys."""
        iam = client(self.url, "iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        if allowed:
            iam.put_user_policy(UserName=name, PolicyName="reads", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def guard(self) -> None:
        """Look at signatures and permissions from now on."""
        requests.post(f"{self.url}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()


class Hadro(Program):
    """hadro: directories as buckets, for those who sign with the key."""

    def __init__(self, root: Path, directory: Path) -> None:
        keys = ["--access-key", KEY, "--secret-key", SECRET]
        code = (
            "import runpy; from hadro.api import buckets;"
            f" buckets.MAX_KEYS = {PAGE}; runpy.run_module('hadro', run_name='__main__')"
        )
        super().__init__(
            [sys.executable, "-c", code, root, "--port", "0", *keys],
            r"Uvicorn running on (http://[0-9.:]+)",
            directory,
        )
