"""Buckets: listings, requests and failures are the fetcher's, credentials botocore's.

Importing this module is slow: only `connect` does.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

import msgspec

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.retry import INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
from aimodels_fetcher.sources import s3 as fetched
from aimodels_fetcher.sources.s3 import HOME_REGION, NoObjectsError, bucket_region
from aimodels_fetcher.sources.s3.hosts import bucket_url
from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.urls import origin
from aimodels_gen.errors import SourceError
from aimodels_gen.net.listed import Listed
from aimodels_gen.net.once import Answers
from aimodels_gen.sources.base import Listing, SourceClient
from aimodels_gen.sources.s3 import S3
from aimodels_gen.sources.s3.environment import Environment
from aimodels_gen.sources.s3.failures import Asked, explain, no_objects, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimodels_fetcher.filters import Filters
    from aimodels_fetcher.http_client import HttpClient
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.sources.base import Warn

T = TypeVar("T")
Bucket = fetched.S3

_CONNECTIONS = 64  # the most that `--jobs` may be


class S3Client(SourceClient[S3]):
    """Lists buckets; one object serves all threads, regions and endpoints."""

    has_details = True

    def __init__(self, warn: Warn) -> None:
        """Connect to nothing yet; for `warn` see `sources.connect`."""
        self._warn = warn
        self._environment = Environment()
        self._archives: set[str] = set()
        self._clients: dict[tuple[str, str | None, str | None], HttpClient] = {}
        self._regions: Answers[str, str] = Answers()
        self._listed: Listed[S3, Bucket] = Listed()
        self._making = threading.Lock()

    def list(self, source: S3, filters: Filters) -> Listing:
        """Return the objects below the prefix that are taken; see `SourceClient.list`.

        One request for each thousand (ListObjectsV2), and at Amazon one for the bucket's region.
        The listing has size and ETag; checksum and version take a request for each object
        (`details`). The source that it returns names the server that was asked, because builds
        know neither the variables of the user's shell nor profiles.
        """
        located = self._ask(source, None, lambda: self._located(source))
        return self._ask(located, None, lambda: self._list(located, filters))

    def located(self, source: S3, pinned: S3) -> S3:
        """Return a source at the server of its pin, where nothing else names one.

        Without that, an update by somebody whose profile names no server would ask Amazon, where
        the bucket may be a stranger's; see `SourceClient.located`.
        """
        if source.endpoint or not pinned.endpoint or source.bucket != pinned.bucket:
            return source
        if self._ask(source, None, self._environment.endpoint):
            return source
        self._warn(
            f"{source.label}: asking {pinned.endpoint}, as models.lock says; to ask another "
            "server, write its endpoint"
        )
        return msgspec.structs.replace(source, endpoint=pinned.endpoint)

    def details(self, source: S3, file: RemoteFile) -> RemoteFile:
        """Return an object with its version, and its sha256 if S3 has it (with HeadObject)."""
        return self._ask(source, file, lambda: self._details(source, file))

    def at_version(self, source: S3, file: RemoteFile, version: str) -> RemoteFile:
        """Return an object at a version (with HeadObject); see `SourceClient.at_version`."""
        pinned, *_ = self.sources(source, {file.path: version})
        return self._ask(source, file, lambda: _at_version(pinned, self._client(pinned), file))

    def sources(self, source: S3, versions: Mapping[str, str]) -> tuple[Bucket, ...]:
        """Return the pinned versions, and the bucket as it is now; see `SourceClient.sources`."""
        bucket = self._ask(source, None, lambda: self._bucket(source))
        now = replace(bucket, versions=dict(versions))
        return (replace(now, pinned=True), now) if versions else (now,)

    def upstreams(self, source: S3, versions: Mapping[str, str]) -> Upstreams:
        """Return the bucket, at these versions of files that have one; see `SourceClient`."""
        first, *_ = self.sources(source, versions)
        client = self._ask(source, None, lambda: self._client(first))
        return _Checked(first, client)

    def explain(self, source: S3, file: RemoteFile, error: AimodelsError) -> SourceError:
        """Return in words why an object could not be read; see `SourceClient.explain`."""
        return explain(error, Asked(source, file.path, self._environment.is_anonymous))

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _list(self, source: S3, filters: Filters) -> Listing:
        bucket = self._bucket(source)
        try:
            resolved, selection = self._listed.take(
                source, lambda: bucket.listing(self._client(bucket)), filters
            )
        except NoObjectsError as error:
            near = bucket.page(self._client(bucket), source.prefix[:-1], delimiter="/").content
            raise no_objects(source, near) from error
        region = resolved.region
        _check_region(source, region)
        if bucket.endpoint and source.region is None and region == HOME_REGION == bucket.region:
            region = None  # where everybody looks, and no server has said so
        return Listing(msgspec.structs.replace(source, region=region), selection)

    def _details(self, source: S3, file: RemoteFile) -> RemoteFile:
        bucket = self._bucket(source)
        found = bucket.head(self._client(bucket), file.path)
        # A proxy may answer HEAD with a length of 0, and a server in the bucket's place has other
        # ETags: these show nothing.
        sizes, etags = {file.size, found.size or file.size}, {file.etag, found.etag} - {None}
        if len(sizes) > 1 or len(etags) > 1:
            raise replaced(source, file.path)
        if found.archived and source.label not in self._archives:
            self._archives.add(source.label)
            self._warn(
                f"{source.label} has archived objects ({found.archived}), so building it will "
                "fail; restore them with `aws s3api restore-object`"
            )
        return replace(file, sha256=found.sha256, version=found.version)

    def _ask(self, source: S3, file: RemoteFile | None, call: Callable[[], T]) -> T:
        try:
            return call()
        except AimodelsError as error:
            path = file.path if file else None
            asked = Asked(source, path, self._environment.is_anonymous)
            raise explain(error, asked) from error

    def _located(self, source: S3) -> S3:
        """Return a source at the server that is asked for it."""
        if source.endpoint:
            return source
        return msgspec.structs.replace(source, endpoint=self._environment.endpoint())

    def _bucket(self, source: S3) -> Bucket:
        """Return the bucket for the fetcher, in its region.

        The environment's region is for servers other than Amazon's: a bucket there is where it is.
        """
        source = self._located(source)
        region = source.region
        if region is None and source.endpoint:
            region = self._environment.region()
        elif region is None:
            name = source.bucket
            region = self._regions.get(name, lambda: bucket_region(name))
        return Bucket(
            source.bucket,
            source.prefix,
            region,
            source.endpoint,
            {},
            pinned=False,
            credentials=self._environment.credentials,
        )

    def _client(self, bucket: Bucket) -> HttpClient:
        """Return the connections to a bucket: made once, since that is slow."""
        where = (bucket.bucket, bucket.endpoint, bucket.region)
        with self._making:
            if where not in self._clients:
                client = bucket.client(_CONNECTIONS)
                client.tries, client.patience = INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
                self._clients[where] = client
            return self._clients[where]


def _check_region(source: S3, region: str | None) -> None:
    if source.region not in {None, region}:
        raise SourceError(
            f"{source.label} is in {region}, not in {source.region}",
            f'write region = "{region}", or leave it out',
        )


def _at_version(pinned: Bucket, client: HttpClient, file: RemoteFile) -> RemoteFile:
    found = pinned.head(client, file.path, pinned.url(file.path))
    return replace(file, size=found.size, sha256=found.sha256, etag=found.etag)


class _Checked(Upstreams):
    """A bucket whose objects must still be those that were listed."""

    strict: ClassVar[bool] = True

    def __init__(self, bucket: Bucket, client: HttpClient) -> None:
        super().__init__([Upstream(bucket, _CONNECTIONS, client)])
        self._origin = origin(bucket_url(bucket.bucket, bucket.endpoint, bucket.region))

    def checks_etags(self, upstream: Upstream, url: str) -> bool:  # noqa: ARG002 - there is one
        """Return whether the answer is the bucket's: others have ETags of their own."""
        return origin(url) == self._origin


CLIENT = S3Client
