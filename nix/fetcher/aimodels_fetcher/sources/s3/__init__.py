"""Buckets of Amazon S3 and of servers that speak like it.

The API: https://docs.aws.amazon.com/AmazonS3/latest/API/. botocore signs the requests and knows the
hosts of the regions; the bytes come as they do from everywhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus, urlencode

from aimodels_fetcher import xml
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.http_errors import origin, public
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.sources.base import RemoteFile, Source
from aimodels_fetcher.sources.s3.credentials import find_credentials, signer, variable
from aimodels_fetcher.sources.s3.failures import explained

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from aimodels_fetcher.errors import StatusError
    from aimodels_fetcher.http_client import Client

_MOST_PAGES = 10_000  # a page has 1,000 objects
# Where AWS itself looks, and other servers do not care.
_HOME = "us-east-1"
# Names that may stand before the host; a dot would not be covered by the certificate.
_HOST_PART = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def read(data: Mapping[str, Any]) -> list[Source]:
    """Read the `source.s3` of a spec.

    AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL stand in for a null endpoint, AWS_REGION and
    AWS_DEFAULT_REGION for a null region. Where versions are pinned, what the bucket has now is the
    second place to ask: a version may have been removed, and the hash decides.

    Raises:
        FetchError: The endpoint is no address.
    """
    endpoint = data["endpoint"] or variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if endpoint and not all(origin(endpoint)):
        raise FetchError(
            f"the endpoint of s3://{data['bucket']} is no address",
            "write one like https://s3.example.org, also where it is AWS_ENDPOINT_URL_S3",
        )
    region = data["region"] or variable("AWS_REGION", "AWS_DEFAULT_REGION")
    endpoint = endpoint.rstrip("/") if endpoint else None
    now = S3(data["bucket"], data["prefix"], region, endpoint, data["versions"], pinned=False)
    return [replace(now, pinned=True), now] if now.versions else [now]


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
    """

    bucket: str
    prefix: str
    region: str | None
    endpoint: str | None
    versions: Mapping[str, str]
    pinned: bool

    @property
    def label(self) -> str:
        """Name for messages, such as `s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def place(self) -> str:
        """The bucket, and which state of it."""
        bucket = f"{public(self.endpoint)}/{self.bucket}" if self.endpoint else self.label
        return bucket if self.pinned or not self.versions else f"{bucket} as it is now"

    def client(self, connections: int) -> Client:
        """Get ready to connect; requests to the bucket's own host, and no others, are signed.

        Raises:
            FetchError: There are only parts of credentials, or those wanted cannot be had.
        """
        from aimodels_fetcher.http_client import Client  # noqa: PLC0415 (requests is slow to import)

        credentials = find_credentials()
        region, base = self.region, self._base
        if not self.endpoint:
            region = region or _bucket_region(Client(base, lambda _: {}), base)
            base = self._base_in(region)
        authorize = signer(credentials, region or _HOME) if credentials else (lambda _: {})
        return Client(base, authorize, connections, moved=(self._base, base))

    def listing(self, client: Client) -> tuple[Source, list[RemoteFile]]:
        """List the objects over all pages (ListObjectsV2); pinned versions are their own list.

        Raises:
            FetchError: The answers are not those of S3.
        """
        if self.pinned:
            return self, [RemoteFile(path) for path in self.versions]
        files: list[RemoteFile] = []
        query = {"list-type": "2", "prefix": self.prefix, "encoding-type": "url"}
        for _ in range(_MOST_PAGES):
            url = f"{self._base}/?{urlencode(query, quote_via=quote)}"
            (page, token), _ = client.get_document(url, self._page, "a listing of S3")
            files += page
            if not token:
                break
            if token == query.get("continuation-token"):
                raise FetchError(f"{self.place} gives the same page again", "check the endpoint")
            query["continuation-token"] = token
        if not files:
            raise FetchError(f"{self.label} has no objects", "check the bucket and the prefix")
        return self, files

    def url(self, path: str) -> str | None:
        """Give the address of an object, at its version where one is pinned."""
        address = f"{self._base}/{quote(self.prefix + path, safe='/~')}"
        if not self.versions:
            return address
        version = self.versions.get(path)
        if not self.pinned:
            return address if version else None
        return f"{address}?versionId={quote(version, safe='')}" if version else address

    def explain(self, error: StatusError) -> FetchError:
        """Say what S3's codes mean."""
        return explained(error, self.bucket, self.region)

    @property
    def _base(self) -> str:
        """The bucket's address; Amazon's has yet to be moved to its region."""
        return (
            f"{self.endpoint}/{self.bucket}" if self.endpoint else self._base_on("s3.amazonaws.com")
        )

    def _base_in(self, region: str) -> str:
        from botocore.session import Session  # noqa: PLC0415 (slow to import)

        resolver = Session().get_component("endpoint_resolver")
        return self._base_on(resolver.construct_endpoint("s3", region)["hostname"])

    def _base_on(self, host: str) -> str:
        if _HOST_PART.fullmatch(self.bucket):
            return f"https://{self.bucket}.{host}"
        return f"https://{host}/{self.bucket}"

    def _page(self, body: bytes) -> tuple[list[RemoteFile], str | None]:
        """Read a page of a listing: its files, and the token for the next one."""
        root = xml.parse(body)
        if root.tag != "ListBucketResult":
            raise ValueError(root.tag)
        encoded = root.findtext("EncodingType") == "url"
        files = [self._file(row, encoded=encoded) for row in root.iter("Contents")]
        truncated = root.findtext("IsTruncated") == "true"
        token = root.findtext("NextContinuationToken") if truncated else None
        if truncated and not token:
            raise ValueError("no token for the next page")
        return [file for file in files if file], token

    def _file(self, row: Element, *, encoded: bool) -> RemoteFile | None:
        """Read a row; None for the objects by which tools show empty folders."""
        key, size = row.findtext("Key") or "", int(row.findtext("Size") or "")
        if encoded:
            key = unquote_plus(key, errors="strict")
        if not key.startswith(self.prefix) or not 0 <= size < UNKNOWN:
            raise ValueError(key)
        if key.endswith("/") and not size:
            return None
        return RemoteFile(key.removeprefix(self.prefix), size)


def _bucket_region(client: Client, base: str) -> str:
    """Ask Amazon for the region of a bucket, which it tells whoever asks (HeadBucket)."""
    found = client.head(f"{base}/").get("x-amz-bucket-region")
    return found if found and re.fullmatch("[a-z0-9-]+", found) else _HOME
