"""Buckets of Amazon S3 and of servers that speak like it.

The API: https://docs.aws.amazon.com/AmazonS3/latest/API/. botocore signs the requests; the bytes
come as they do from everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from aimodels_fetcher import xml
from aimodels_fetcher.errors import FetchError, UnexpectedAnswerError
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.json_types import mapping, optional, record, text
from aimodels_fetcher.pages import files_of
from aimodels_fetcher.sources.base import RemoteFile, Source
from aimodels_fetcher.sources.s3.credentials import find_credentials, signer
from aimodels_fetcher.sources.s3.environment import (
    checked_endpoint,
    endpoint_variable,
    region_variable,
)
from aimodels_fetcher.sources.s3.failures import explained, unlike_s3
from aimodels_fetcher.sources.s3.hosts import bucket_url, is_region
from aimodels_fetcher.sources.s3.objects import object_facts, parse_page
from aimodels_fetcher.urls import origin, public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aimodels_fetcher.documents import Document
    from aimodels_fetcher.errors import StatusError
    from aimodels_fetcher.http_client import HttpClient
    from aimodels_fetcher.sources.s3.objects import ObjectFacts, Page

HOME_REGION = "us-east-1"
"""Where AWS itself looks, and other servers do not care."""

_OK = 200
_NO_HEAD = {400, 405, 501}


def read(data: object) -> list[Source]:
    """Read the `source.s3` of a spec.

    AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL stand in for a null endpoint, AWS_REGION and
    AWS_DEFAULT_REGION for a null region. Where versions are pinned, what the bucket has now is the
    second place to ask: a version may have been removed, and the hash decides.

    Raises:
        ValueError: A value is of the wrong type.
        FetchError: The endpoint is not the URL of a server, or the region is not one.
    """
    values = record(
        data,
        "s3",
        bucket=text,
        prefix=text,
        region=optional(text),
        endpoint=optional(text),
        versions=mapping(text),
    )
    bucket, prefix, versions = values["bucket"], values["prefix"], values["versions"]
    endpoint = values["endpoint"]
    endpoint = checked_endpoint("endpoint", endpoint) if endpoint else endpoint_variable()
    region = values["region"] or region_variable(amazon=not endpoint)
    now = S3(bucket, prefix, region, endpoint, versions, pinned=False)
    return [replace(now, pinned=True), now] if now.versions else [now]


def bucket_region(bucket: str) -> str:
    """Ask Amazon for a bucket's region, which it tells anyone (HeadBucket).

    Raises:
        FetchError: It does not answer.
    """
    from aimodels_fetcher.http_client import (  # noqa: PLC0415 (slow to import)
        HttpClient,
    )

    base = bucket_url(bucket, None)
    client = HttpClient(base, ca_variables=["AWS_CA_BUNDLE"])
    found = client.head(f"{base}/").headers.get("x-amz-bucket-region", "")
    return found if is_region(found, amazon=True) else HOME_REGION


class NoObjectsError(FetchError):
    """There is nothing below the prefix."""


@dataclass(frozen=True)
class S3(Source):
    """The objects below a prefix of a bucket.

    Args:
        bucket: Its name.
        prefix: Empty, or with a slash at its end.
        region: Of the bucket; None to find out.
        endpoint: Base URL of another server than Amazon's, without a trailing slash.
        versions: Path -> VersionId.
        pinned: Whether the files are those that have a version; else they are what is there now.
        credentials: Returns botocore's credentials, or None for requests without.
    """

    bucket: str
    prefix: str
    region: str | None
    endpoint: str | None
    versions: Mapping[str, str]
    pinned: bool
    credentials: Callable[[], Any] = field(default=find_credentials, compare=False, repr=False)

    @property
    def label(self) -> str:
        """Name for messages, such as `s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def location(self) -> str:
        """The bucket, and which state of it."""
        bucket = f"{public(self.endpoint)}/{self.bucket}" if self.endpoint else self.label
        return bucket if self.pinned or not self.versions else f"{bucket} as it is now"

    def client(self, connections: int) -> HttpClient:
        """Return a client; requests to the bucket's own host, and no others, are signed.

        Raises:
            FetchError: The credentials, or another setting, cannot be used.
        """
        from aimodels_fetcher.http_client import (  # noqa: PLC0415 (slow to import)
            HttpClient,
        )

        region, base = self.region, self._base
        if not self.endpoint:
            base = bucket_url(self.bucket, None, region := region or bucket_region(self.bucket))
        return HttpClient(
            base,
            signer(self.credentials(), region or HOME_REGION),
            connections,
            moved=(self._base, base),
            ca_variables=["AWS_CA_BUNDLE"],
        )

    def listing(self, client: HttpClient) -> tuple[S3, Iterable[RemoteFile]]:
        """List the objects, page by page (ListObjectsV2); pinned versions are their own list.

        Raises:
            FetchError: The answers are not those of S3, or do not end.
            NoObjectsError: There are none.
        """
        if self.pinned:
            return self, [RemoteFile(path) for path in self.versions]
        regions = [self.region]

        def read(token: str) -> tuple[Sequence[RemoteFile], str | None]:
            query = {"continuation-token": token} if token else {}
            document = self.page(client, self.prefix, **query)
            said = document.headers.get("x-amz-bucket-region", "")
            if is_region(said, amazon=not self.endpoint):
                regions.append(said)
            return document.content.files, document.content.token

        files = files_of("", read, self.label)
        first = next(files, None)
        if first is None:
            raise NoObjectsError(f"{self.label} has no objects", "check the bucket and the prefix")
        return replace(self, region=regions[-1]), chain([first], files)

    def page(self, client: HttpClient, prefix: str, **query: str) -> Document[Page]:
        """Return one page of a listing; its paths are the keys without this source's prefix.

        Args:
            client: Of this source.
            prefix: What the keys must begin with.
            query: More of ListObjectsV2's parameters.

        Raises:
            StatusError, FetchError: As `HttpClient.get_document`.
        """
        asked = {"list-type": "2", "prefix": prefix, "encoding-type": "url", **query}
        url = f"{self._base}/?{urlencode(asked, quote_via=quote)}"
        start = self.prefix if prefix == self.prefix else ""
        try:
            return client.get_document(
                url, lambda body: parse_page(body, start), "a listing of S3", xml.MOST_BYTES
            )
        except FetchError as error:
            if isinstance(error.__cause__, UnexpectedAnswerError):
                raise unlike_s3(error, self.bucket, self.endpoint) from error.__cause__
            raise

    def head(self, client: HttpClient, path: str, url: str | None = None) -> ObjectFacts:
        """Return what S3 says of an object (HeadObject, or GetObject without it).

        Args:
            client: Of this source.
            path: Of the object.
            url: Of a version of it; None for the object as it is now.

        Raises:
            StatusError: It refuses; there is no body, so that the code is often missing.
            FetchError: It does not answer.
        """
        url = url or self._address(path)
        head = client.head(url)
        if head.status in _NO_HEAD:
            head = client.head(url, "GET")
        if head.status != _OK:
            raise refusal(head.status, head.url, head.headers)
        own = bucket_url(self.bucket, self.endpoint, self.region)
        return object_facts(head.headers, elsewhere=origin(head.url) != origin(own))

    def url(self, path: str) -> str | None:
        """Return the URL of an object, at its version where one is pinned."""
        address = self._address(path)
        if not self.versions:
            return address
        version = self.versions.get(path)
        if not self.pinned:
            return address if version else None
        return f"{address}?versionId={quote(version, safe='')}" if version else address

    def explain(self, error: StatusError) -> FetchError:
        """Say what S3's codes mean."""
        return explained(error, self.bucket, self.region, self.endpoint)

    def _address(self, path: str) -> str:
        return f"{self._base}/{quote(self.prefix + path, safe='/~')}"

    @property
    def _base(self) -> str:
        """The bucket's URL; Amazon's has yet to be moved to its region."""
        return bucket_url(self.bucket, self.endpoint)
