"""Objects in buckets of Amazon S3, and of servers like it: what a manifest may say about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

from aimodels_fetcher.urls import is_server
from aimodels_gen.sources.base import Client, ListedFile, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_gen.sources.base import Warn
    from aimodels_gen.tables import Table

# As in nix/sources/s3.nix. Amazon's rules for new buckets are stricter, other servers' are not.
_BUCKET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]\Z")
_REGION = re.compile(r"[0-9A-Za-z-]+\Z")
_DOTS = re.compile(r"(?:.*/)?\.\.?/")


@dataclass(frozen=True)
class S3(Source):
    """The objects below a prefix of a bucket.

    Attributes:
        bucket: its name.
        prefix: empty, or with a slash at its end: the folder.
        region: where the bucket is, None if that is to be found out.
        endpoint: the address of a server other than Amazon's, without a trailing slash.
        etags: by path, what the bucket called the content that was pinned.
        versions: by path, the VersionId, where the bucket keeps versions.
    """

    kind: ClassVar[str] = "s3"
    example: ClassVar[str] = 'source.s3 = { bucket = "my-models", prefix = "llama/" }'

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    etags: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_toml(cls, table: Table) -> S3:
        """Read `source.s3` of a manifest; see `Source.from_toml`."""
        bucket, prefix = table.string("bucket"), table.text("prefix") or ""
        region, endpoint = table.string("region"), table.string("endpoint")
        if bucket is None:
            table.fail(None, "has no bucket", 'add bucket = "my-models"')
        if not _BUCKET.match(bucket):
            hint = f'write its name only{_split(bucket)}; a server goes into endpoint = "https://…"'
            table.fail("bucket", f"is {bucket!r}, which is no name of a bucket", hint)
        if prefix and not prefix.endswith("/"):
            prefix += "/"  # "llama" must not take "llama-2" along
        if _DOTS.match(prefix):
            hint = "name a prefix without such parts: no request can be made for them"
            table.fail("prefix", f"is {prefix!r}, which has a part . or ..", hint)
        if region is not None and not _REGION.match(region):
            table.fail(
                "region", f"is {region!r}, which is no region", "write one like eu-central-1"
            )
        if endpoint is not None and not is_server(endpoint):
            # It is not quoted, because it may hold a password.
            hint = "write an address like https://s3.example.org, without user, password or query"
            table.fail("endpoint", "is no http(s) address of a server", hint)
        return cls(bucket, prefix, region, endpoint.rstrip("/") if endpoint else None)

    @classmethod
    def from_lock(cls, table: Table) -> S3:
        """Read `source.s3` of a lock."""
        return cls(
            bucket=table.string("bucket") or table.fail("bucket", "is missing", "restore the lock"),
            prefix=table.string("prefix") or "",
            region=table.string("region"),
            endpoint=table.string("endpoint"),
            etags=table.texts("etags"),
            versions=table.texts("versions"),
        )

    def to_nix(self) -> dict[str, Any]:
        """Return the attributes of `source.s3` in Nix, defaults left out."""
        return {name: value for name, value in self.fetcher_spec().items() if value}

    def to_lock(self) -> dict[str, Any]:
        """Return what the lock keeps: the ETags, too."""
        return {**self.to_nix(), **({"etags": dict(self.etags)} if self.etags else {})}

    def identity(self) -> dict[str, Any]:
        """Return what decides the content."""
        return {**self.asked(), "versions": dict(self.versions)}

    def asked(self) -> dict[str, Any]:
        """Return what of a manifest decides it."""
        return {"type": self.kind, "bucket": self.bucket, "prefix": self.prefix}

    def resolved_like(self, locked: S3) -> S3:
        """Return this source with what is pinned."""
        return replace(
            self,
            region=self.region or locked.region,
            etags=locked.etags,
            versions=locked.versions,
        )

    def holding(self, files: Sequence[ListedFile]) -> S3:
        """Return this source with the ETags and versions of these files."""
        return replace(
            self,
            etags={file.path: file.etag for file in files if file.etag},
            versions={file.path: file.version for file in files if file.version},
        )

    def content_id(self, file: ListedFile) -> str | None:
        """Return where the object is and its ETag, which changes with the content.

        Whatever an ETag is made of, that much is said of it:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
        """
        where = f"{self.endpoint or 's3:/'}/{self.bucket}/{self.prefix}{file.path}"
        return f"{where} {file.etag}" if file.etag else None

    def remembers(self) -> Sequence[ListedFile]:
        """Return the files with their ETags and versions."""
        return tuple(
            ListedFile(path, None, etag=etag, version=self.versions.get(path))
            for path, etag in self.etags.items()
        )

    def fetcher_spec(self, path: str | None = None) -> dict[str, Any]:
        """Return every attribute, for the bundled fetcher."""
        versions = self.versions
        if path is not None:
            versions = {path: versions[path]} if path in versions else {}
        return {
            "bucket": self.bucket,
            "prefix": self.prefix,
            "region": self.region,
            "endpoint": self.endpoint,
            "versions": dict(sorted(versions.items())),
        }

    @property
    def label(self) -> str:
        """Return `s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"

    def connect(self, warn: Warn) -> Client[Any]:
        """Import botocore, which takes long, and return a client."""
        module = import_module("aimodels_gen.sources.s3.client")
        return cast("Client[Any]", module.S3Client(warn))


def _split(given: str) -> str:
    """Return what a person meant who has written a URL."""
    bucket, _, prefix = given.removeprefix("s3://").strip("/").partition("/")
    if not _BUCKET.match(bucket) or bucket == given:
        return ""
    return f', here bucket = "{bucket}"' + (f', prefix = "{prefix}/"' if prefix else "")


SOURCE = S3
