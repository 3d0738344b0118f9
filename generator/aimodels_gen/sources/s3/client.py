"""S3 through botocore. Importing this module is slow: only `connect` does."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aimodels_gen.errors import SourceError
from aimodels_gen.net.stream_hash import CHUNK, sha256_of
from aimodels_gen.sources.base import Client, ListedFile, Listing
from aimodels_gen.sources.s3 import S3
from aimodels_gen.sources.s3.failures import EXPECTED, TRANSIENT, Asked, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aimodels_gen.sources.base import Warn

T = TypeVar("T")
S3Api: TypeAlias = Any  # a client of botocore, which has no types

_HOME = "us-east-1"  # where AWS itself looks, and other servers do not care
_CONNECTIONS = 64  # the most that `--jobs` may be
_SHA256_BYTES = 32
# The ETag of what was uploaded in parts: its checksum may be one of the parts' checksums.
_OF_PARTS = re.compile(r"[0-9a-f]{32}-[0-9]+\Z")
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
_AMAZON = re.compile(r"https?://[^/]*\.amazonaws\.com(\.cn)?/?\Z")


class S3Client(Client[S3]):
    """Lists and reads buckets; one object serves all threads, regions and endpoints."""

    def __init__(self, warn: Warn) -> None:
        """Find credentials as every AWS program does: variables, profiles, SSO, the instance.

        Without any, requests are anonymous, as public buckets allow. For `warn` see
        `Source.connect`.

        Raises:
            SourceError: they are there, and cannot be used.
        """
        self._warn = warn
        self._archives: set[str] = set()
        self._clients: dict[tuple[str | None, str | None], Any] = {}
        self._making = threading.Lock()
        try:
            self._session = botocore.session.Session()
            self._credentials = self._session.get_credentials()
            self._region = (
                os.environ.get("AWS_REGION") or self._session.get_config_variable("region") or None
            )
        except BotoCoreError as error:
            raise SourceError(
                f"the credentials for S3 cannot be used: {error}",
                "check AWS_PROFILE, AWS_ACCESS_KEY_ID and ~/.aws: `aws configure list` shows them",
            ) from error
        payer = os.environ.get("AWS_REQUEST_PAYER")
        self._payer = {"RequestPayer": payer} if payer else {}

    def list(self, source: S3) -> Listing:
        """Return all objects below the prefix; see `Client.list`.

        One request for each thousand (ListObjectsV2). The listing has size and ETag; checksum and
        version take a request for each object (`details`).
        """
        return self._ask(source, None, lambda client: self._list(source, client))

    def details(self, source: S3, file: ListedFile) -> ListedFile:
        """Return an object with its version, and its sha256 if S3 has that of the whole object.

        HeadObject, with `x-amz-checksum-mode`; see `Client.details`.
        """
        return self._ask(source, file, lambda client: self._details(source, file, client))

    def read(self, source: S3, file: ListedFile, arrived: Callable[[int], None]) -> ListedFile:
        """Return an object with its sha256, having read it; see `Client.read`."""
        return self._ask(source, file, lambda client: self._read(source, file, client, arrived))

    def environment(self) -> Mapping[str, str]:
        """Return credentials, region and endpoint for the bundled fetcher, wherever they are from.

        Raises:
            SourceError: the credentials have expired, and cannot be renewed.
        """
        found: dict[str, str] = {}
        if self._region:
            found["AWS_REGION"] = self._region
        endpoint = self._client(None, None).meta.endpoint_url
        if not _AMAZON.match(endpoint):
            found["AWS_ENDPOINT_URL_S3"] = endpoint
        if self._credentials:
            try:
                frozen = self._credentials.get_frozen_credentials()
            except (BotoCoreError, ClientError) as error:
                raise SourceError(
                    f"the credentials for S3 cannot be renewed: {error}", "log in again"
                ) from error
            found["AWS_ACCESS_KEY_ID"] = frozen.access_key
            found["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
            found["AWS_SESSION_TOKEN"] = frozen.token or ""
        return found

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _list(self, source: S3, client: S3Api) -> Listing:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=source.bucket, Prefix=source.prefix, **self._payer
        )
        files: list[ListedFile] = []
        region = source.region
        for page in pages:
            if "IsTruncated" not in page:  # which botocore takes for an empty listing
                raise ValueError("it gives no listing")
            region = _header(page, "x-amz-bucket-region") or region
            files += filter(None, (_listed(source, row) for row in page.get("Contents", ())))
        if source.region not in {None, region}:
            raise SourceError(
                f"{source.label} is in {region}, not in {source.region}",
                f'write region = "{region}", or leave it out',
            )
        if not files:
            raise self._nothing(source, client)
        used = client.meta.region_name
        if region is None and used != _HOME:
            region = used  # as builds are to use it, which may know no region
        return Listing(replace(source, region=region), tuple(files))

    def _nothing(self, source: S3, client: S3Api) -> SourceError:
        """Return why there are no objects: most likely the prefix is next to one that has some."""
        prefix = source.prefix
        near = client.list_objects_v2(
            Bucket=source.bucket, Prefix=prefix[:-1], Delimiter="/", **self._payer
        )
        folders = [row["Prefix"] for row in near.get("CommonPrefixes", ())]
        objects = [row["Key"] for row in near.get("Contents", ())]
        if prefix and prefix[:-1] in objects:
            folder, _, name = prefix[:-1].rpartition("/")
            hint = f'it is an object: write prefix = "{folder}" and include = ["{name}"]'
        elif prefix.startswith("/"):
            hint = "keys hardly ever begin with a slash: leave it out"
        elif others := [name for name in folders + objects if name != prefix]:
            hint = f"there is {', '.join(map(repr, others[:5]))}"
        else:
            hint = f"look at it with `aws s3 ls {source.label}`"
        return SourceError(f"{source.label} has no objects", hint)

    def _details(self, source: S3, file: ListedFile, client: S3Api) -> ListedFile:
        head = client.head_object(
            Bucket=source.bucket,
            Key=source.prefix + file.path,
            ChecksumMode="ENABLED",
            **self._payer,
        )
        if head["ContentLength"] != file.size or not _is_same(head, file):
            raise _replaced(source, file)
        self._look_for_archives(source, head)
        version = _header(head, "x-amz-version-id")
        return replace(file, sha256=_checksum(head), version=None if version == "null" else version)

    def _look_for_archives(self, source: S3, head: Mapping[str, Any]) -> None:
        """Warn once of objects that S3 describes, but will not give."""
        kind = head.get("ArchiveStatus") or head.get("StorageClass")
        # Of one that is being restored it says `ongoing-request="true"`.
        restored = 'ongoing-request="false"' in head.get("Restore", "")
        archived = head.get("ArchiveStatus") or (kind in _ARCHIVES and not restored)
        if archived and source.label not in self._archives:
            self._archives.add(source.label)
            self._warn(
                f"{source.label} has archived objects ({kind}), so building it will fail; restore "
                "them with `aws s3api restore-object`"
            )

    def _read(
        self, source: S3, file: ListedFile, client: S3Api, arrived: Callable[[int], None]
    ) -> ListedFile:
        version = {"VersionId": file.version} if file.version else {}
        same = {"IfMatch": f'"{file.etag}"'} if file.etag else {}

        def read_from(start: int) -> tuple[int, Iterable[bytes]]:
            answer = client.get_object(
                Bucket=source.bucket,
                Key=source.prefix + file.path,
                **({"Range": f"bytes={start}-"} if start else {}),
                **version,
                **same,
                **self._payer,
            )
            if not _is_same(answer, file):  # some servers do not know If-Match
                answer["Body"].close()
                raise _replaced(source, file)
            partial = _header(answer, "content-range") is not None
            return start if partial else 0, _pieces(answer["Body"])

        sha256, size = sha256_of(read_from, TRANSIENT, arrived)
        if size != file.size:
            raise _replaced(source, file)
        return replace(file, sha256=sha256)

    def _ask(self, source: S3, file: ListedFile | None, call: Callable[[Any], T]) -> T:
        asked = Asked(
            source, file.path if file else None, authenticated=self._credentials is not None
        )
        try:
            return call(self._client(source.endpoint, source.region))
        except EXPECTED as error:
            raise explain(error, asked) from error

    def _client(self, endpoint: str | None, region: str | None) -> S3Api:
        """Return botocore's client, made only once: making one is slow, and not for threads."""
        with self._making:
            if (endpoint, region) not in self._clients:
                self._clients[endpoint, region] = self._session.create_client(
                    "s3",
                    region_name=region or self._region or _HOME,
                    endpoint_url=endpoint,
                    verify=os.environ.get("AWS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"),
                    config=self._config(),
                )
            return self._clients[endpoint, region]

    def _config(self) -> Config:
        return Config(
            connect_timeout=15,
            read_timeout=60,
            max_pool_connections=_CONNECTIONS,
            user_agent_extra="nix-ai-models",
            **({} if self._credentials else {"signature_version": UNSIGNED}),
        )


def _listed(source: S3, row: Mapping[str, Any]) -> ListedFile | None:
    """Return a row of a listing; None for the objects by which tools show empty folders."""
    key, size = row["Key"], row["Size"]
    if not key.startswith(source.prefix) or type(size) is not int or size < 0:
        raise ValueError(f"it lists {key!r} with {size!r} bytes")
    if key.endswith("/") and not size:
        return None
    return ListedFile(key.removeprefix(source.prefix), size, etag=_etag(row))


def _pieces(body: Any) -> Iterator[bytes]:  # noqa: ANN401 - botocore's StreamingBody
    with contextlib.closing(body):
        yield from body.iter_chunks(CHUNK)


def _checksum(head: Mapping[str, Any]) -> str | None:
    """Return the sha256 in hex that S3 has of the whole object, None where it has none.

    Of what was uploaded in parts it has a checksum of their checksums (COMPOSITE), which Amazon
    writes as `<base64>-<parts>`, and other servers like one of the whole:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    kind = (_header(head, "x-amz-checksum-type") or "").upper()
    whole = kind == "FULL_OBJECT" or (not kind and not _OF_PARTS.match(_etag(head) or ""))
    try:
        digest = base64.b64decode(_header(head, "x-amz-checksum-sha256") or "", validate=True)
    except binascii.Error:
        return None
    return digest.hex() if whole and len(digest) == _SHA256_BYTES else None


def _etag(answer: Mapping[str, Any]) -> str | None:
    """Return an ETag without its quotes, about which servers do not agree."""
    return (answer.get("ETag") or "").strip('"') or None


def _is_same(answer: Mapping[str, Any], file: ListedFile) -> bool:
    return file.etag in {None, _etag(answer)}


def _header(answer: Mapping[str, Any], name: str) -> str | None:
    """Return a header, also one that this release of botocore does not know."""
    value: str | None = answer["ResponseMetadata"]["HTTPHeaders"].get(name)
    return value or None


def _replaced(source: S3, file: ListedFile) -> SourceError:
    return SourceError(
        f"{source.label}: {file.path!r} was replaced while it was being locked", "lock again"
    )
