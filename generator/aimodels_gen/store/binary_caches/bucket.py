"""A binary cache in a bucket: reads are the fetcher's, large archives are sent in parts.

The API: https://docs.aws.amazon.com/AmazonS3/latest/API/. Each request is signed with the digest
of its body, which the server verifies.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from aimodels_fetcher import xml
from aimodels_fetcher.errors import AimodelsError, FetchError, StatusError
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.retry import INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
from aimodels_fetcher.sources.s3 import S3
from aimodels_fetcher.sources.s3.failures import OF_THE_KEYS, unlike_s3
from aimodels_fetcher.sources.s3.hosts import bucket_url
from aimodels_fetcher.urls import public
from aimodels_gen.store.binary_caches.base import Archive, BinaryCache
from aimodels_gen.store.binary_caches.bucket_requests import Requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aimodels_gen.net.uploads import Reply
    from aimodels_gen.nix import store_url

    Body = Sequence[memoryview]

_PART = 5 << 20  # bytes, the least of S3; one part of each archive that is sent is in memory
_MOST_PARTS = 10_000
_TOGETHER = 3  # parts
_HIDDEN = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class BucketCache(BinaryCache):
    """Uses the credentials that AWS's own programs use."""

    def __init__(self, url: store_url.Bucket, connections: int) -> None:
        """Find out where the bucket is.

        Raises:
            AimodelsError: A setting, or the credentials, cannot be used.
        """
        super().__init__(url.label)
        self._requests = Requests(url)
        endpoint, region = self._requests.endpoint, self._requests.region
        self._base = f"{bucket_url(url.bucket, endpoint, region)}/{quote(url.prefix)}"
        self.files = self._source = S3(
            url.bucket,
            url.prefix,
            region,
            endpoint,
            {},
            pinned=False,
            credentials=self._requests.credentials,
        )
        self._client = self._source.client(connections)
        self._client.tries, self._client.patience = INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
        storage = url.parameters.get("storage-class")
        self._headers = {"x-amz-storage-class": storage} if storage else {}
        self._buffers = _Buffers()
        self._begun: set[str] = set()  # URLs of uploads in parts

    def get(self, name: str, most: int) -> bytes | None:
        """Return an object; see `BinaryCache.get`.

        Who may not list a bucket is refused what is not there (GetObject).
        """
        url = self._source.url(name)
        assert url  # noqa: S101 (for mypy: no versions are listed here)
        try:
            return self._client.get_document(url, bytes, "a file", most).content
        except StatusError as error:
            if error.code == "NoSuchBucket" or error.code in OF_THE_KEYS - {"AccessDenied"}:
                raise self._requests.refused(error) from error
            if error.status in _HIDDEN:
                return None
            raise self._requests.refused(error) from error

    def size(self, name: str) -> int | None:
        """Return the bytes of an object; see `BinaryCache.size`."""
        try:
            return self._source.head(self._client, name).size
        except StatusError as error:
            if error.status in _HIDDEN:
                return None
            raise self._requests.refused(error) from error

    def put(self, name: str, content: bytes, kind: str) -> None:
        """Write an object; see `BinaryCache.put`."""
        self._put(name, [memoryview(content)], kind)

    def put_archive(self, name: str, archive: Archive, kind: str) -> None:
        """Write an archive, in parts if it is large; see `BinaryCache.put_archive`."""
        size = max(_PART, -(-archive.size // _MOST_PARTS))
        with self._buffers.take(size) as buffer:
            parts = _parts(archive, buffer)
            if archive.size <= size:
                self._put(name, list(parts), kind)
            else:
                self._put_parts(self._url(name), parts, kind)

    def close(self) -> None:
        """Give up what has been sent in part, and close the connections."""
        for url in list(self._begun):
            self._give_up(url)
        self._client.close()
        self._requests.close()

    def _put(self, name: str, body: Body, kind: str) -> None:
        self._requests.send("PUT", self._url(name), body, {"Content-Type": kind, **self._headers})

    def _put_parts(self, url: str, parts: Iterable[memoryview], kind: str) -> None:
        """Send an archive in parts (CreateMultipartUpload and so on)."""
        headers = {"Content-Type": kind, **self._headers}
        reply = self._requests.send("POST", f"{url}?uploads=", (), headers)
        try:
            upload = f"{url}?uploadId={quote(_text(reply, 'UploadId'), safe='')}"
        except ValueError as error:
            reason = FetchError(f"{public(url)} does not answer like S3")
            raise unlike_s3(reason, self._source.bucket, self._source.endpoint) from error
        self._begun.add(upload)
        try:
            tags: list[str] = []
            for number, part in enumerate(parts, 1):
                reply = self._requests.send("PUT", f"{upload}&partNumber={number}", [part])
                tags.append(reply.headers.get("ETag", ""))
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{_escaped(tag)}</ETag></Part>"
                for number, tag in enumerate(tags, 1)
            )
            body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            as_xml = {"Content-Type": "application/xml"}
            reply = self._requests.send("POST", upload, [memoryview(body)], as_xml)
            if b"<Error" in reply.body:  # which is known only after the status has been sent
                raise self._requests.refused(
                    refusal(HTTPStatus.INTERNAL_SERVER_ERROR, url, reply.headers, reply.body)
                )
            self._begun.discard(upload)
        finally:
            if upload in self._begun:
                self._give_up(upload)

    def _give_up(self, upload: str) -> None:
        """Remove the parts of an upload (AbortMultipartUpload)."""
        self._begun.discard(upload)
        with suppress(AimodelsError):
            self._requests.send("DELETE", upload, tries=1)

    def _url(self, name: str) -> str:
        return f"{self._base}{quote(name)}"


class _Buffers:
    """Memory for parts. It is used again, because each thread would keep what it has freed."""

    def __init__(self) -> None:
        self._free = [bytearray() for _ in range(_TOGETHER)]
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[memoryview]:
        """Wait for room for a part; one that is larger than usual takes that of several."""
        count = min(_TOGETHER, -(-size // _PART))
        with self._changed:
            self._changed.wait_for(lambda: len(self._free) >= count)
            taken = [self._free.pop() for _ in range(count)]
        taken[0] = taken[0] if len(taken[0]) >= size else bytearray(size)
        try:
            yield memoryview(taken[0])[:size]
        finally:
            with self._changed:
                self._free += [taken[0] if len(taken[0]) == _PART else bytearray(), *taken[1:]]
                self._changed.notify_all()


def _parts(archive: Archive, buffer: memoryview) -> Iterator[memoryview]:
    """Yield an archive in parts as large as the buffer, which has one of them at a time."""
    filled = 0
    for chunk in archive.chunks():
        view = memoryview(chunk)
        while view:
            taken = view[: len(buffer) - filled]
            buffer[filled : filled + len(taken)] = taken
            filled += len(taken)
            view = view[len(taken) :]
            if filled == len(buffer):
                yield buffer
                filled = 0
    if filled:
        yield buffer[:filled]


def _text(reply: Reply, name: str) -> str:
    """Return the text of an element of an answer.

    Raises:
        ValueError: It is not there.
    """
    for names, text in xml.elements(reply.body):
        if names[-1] == name and text:
            return text
    raise ValueError(f"no {name}")


def _escaped(tag: str) -> str:
    return tag.replace("&", "&amp;").replace("<", "&lt;")
