"""Objects in buckets of Amazon S3, and of servers like it: what a manifest may say about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from aimodels_fetcher.urls import is_server, quoted
from aimodels_gen.sources.base import Source
from aimodels_gen.tables import Text, about

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.tables import Place

# As in nix/sources/s3.nix. Amazon's rules for new buckets are stricter, other servers' are not.
_BUCKET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]\Z")
_REGION = re.compile(r"[0-9A-Za-z-]+\Z")
_HOST = re.compile(r"\.amazonaws\.com(?:\.cn)?\Z")
_ADDRESS = re.compile(r"(?:https?|s3[an]?)://|arn:aws")
_DOTS = re.compile(r"(?:.*/)?\.\.?/")


class S3(Source, frozen=True, forbid_unknown_fields=True):
    """The objects below a prefix of a bucket.

    Attributes:
        bucket: its name.
        prefix: empty, or with a slash at its end: the directory.
        region: where the bucket is, None if that is to be found out.
        endpoint: the URL of a server other than Amazon's, without a trailing slash.
    """

    kind: ClassVar[str] = "s3"
    example: ClassVar[str] = 'source.s3 = { bucket = "my-models", prefix = "llama/" }'
    remembered: ClassVar[tuple[str, ...]] = ("etags", "versions")

    bucket: Annotated[Text, about("The name of the bucket.", add='bucket = "my-models"')]
    prefix: Annotated[str, about("The directory in it, or nothing for all of it.")] = ""
    region: Annotated[
        Text | None,
        about("The region, where it cannot be found out.", role="location"),
    ] = None
    endpoint: Annotated[
        Text | None, about("The URL of a server other than Amazon's.", role="location")
    ] = None

    def checked(self, place: Place, given: Collection[str]) -> S3:  # noqa: ARG002 - not needed
        """Return it with a slash after the prefix and none after the endpoint; see `Source`."""
        bucket, prefix, region, endpoint = self.bucket, self.prefix, self.region, self.endpoint
        if not _BUCKET.match(bucket) or _HOST.search(bucket):
            hint = 'write its name only; a server goes into endpoint = "https://…"'
            place.fail("bucket", f"is {quoted(bucket)}, which is not a name of a bucket", hint)
        if _ADDRESS.match(prefix):
            reason = f"is {quoted(prefix)}, which is an address"
            place.fail("prefix", reason, 'write the directory only, such as prefix = "llama/"')
        if prefix and not prefix.endswith("/"):
            prefix += "/"  # "llama" must not take "llama-2" along
        if _DOTS.match(prefix):
            hint = "name a prefix without such parts: no request can be made for them"
            place.fail("prefix", f"is {quoted(prefix)}, which has a part . or ..", hint)
        if region is not None and not _REGION.match(region):
            hint = "write one like eu-central-1"
            place.fail("region", f"is {quoted(region)}, which is not a region", hint)
        self.check_addresses(place)
        return S3(bucket, prefix, region, endpoint.rstrip("/") if endpoint else None)

    def check_addresses(self, place: Place) -> None:
        """Refuse an endpoint that holds a password; see `Source.check_addresses`."""
        if self.endpoint is not None and not is_server(self.endpoint):
            # It is not quoted, because it may hold a password.
            hint = "write a URL like https://s3.example.org, without user, password or query"
            reason = "is not an http(s) address of a server"
            place.fail("endpoint", reason, place.repair or hint)

    def at_pinned_revision(self, pinned: S3) -> S3:
        """Return this source in the region and at the server that were found out for `pinned`."""
        return msgspec.structs.replace(
            self, region=self.region or pinned.region, endpoint=self.endpoint or pinned.endpoint
        )

    def content_key(self, file: RemoteFile) -> str | None:
        """Return where the object is and its ETag, which changes with the content.

        Whatever an ETag is made of, that much is documented of it:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
        """
        where = f"{self.endpoint or 's3:/'}/{self.bucket}/{self.prefix}{file.path}"
        return f"{where} {file.etag}" if file.etag else None

    @property
    def label(self) -> str:
        """Return `s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"


SOURCE = S3
