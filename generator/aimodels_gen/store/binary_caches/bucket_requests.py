"""Requests that change a bucket: signed with the digest of their body, which S3 verifies."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from aimodels_fetcher.errors import TransientError
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.redaction import learn
from aimodels_fetcher.retry import (
    INTERACTIVE_TRIES,
    LONGEST_ASKED_WAIT,
    TRANSIENT_STATUSES,
    asked_wait,
    retrying,
)
from aimodels_fetcher.sources.s3 import HOME_REGION, bucket_region
from aimodels_fetcher.sources.s3.credentials import frozen_keys
from aimodels_fetcher.sources.s3.failures import explained
from aimodels_gen.net.uploads import Uploads
from aimodels_gen.sources.s3.environment import Environment
from aimodels_gen.store.binary_caches.base import CacheError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_fetcher.errors import StatusError
    from aimodels_gen.net.uploads import Reply
    from aimodels_gen.nix import store_url

    Body = Sequence[memoryview]

_MAY_WRITE = (
    "the credentials may not write there (s3:PutObject and s3:AbortMultipartUpload for what is in "
    "s3://{bucket}), or there are none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
    "profile"
)


class Requests:
    """Sends what changes a bucket.

    Attributes:
        bucket: Its name.
        region: Where it is.
        endpoint: Of another server than Amazon's.
        credentials: Returns botocore's, None for requests without.
    """

    def __init__(self, url: store_url.Bucket) -> None:
        """Find out where the bucket is.

        Raises:
            AimodelsError: A setting cannot be used.
        """
        environment = Environment(url.profile)
        self._environment = environment
        self.credentials = environment.credentials
        self.bucket, self._label = url.bucket, url.label
        self.endpoint = url.endpoint or environment.endpoint()
        region = url.region
        if region is None and self.endpoint:
            region = environment.region()
        elif region is None:
            region = bucket_region(url.bucket)
        self.region = region or HOME_REGION
        self._uploads = Uploads(["AWS_CA_BUNDLE"])

    def close(self) -> None:
        """Close the connections."""
        self._uploads.close()

    def send(
        self,
        method: str,
        url: str,
        body: Body = (),
        headers: Mapping[str, str] | None = None,
        tries: int = INTERACTIVE_TRIES,
    ) -> Reply:
        """Send a request, and again where that is worth it.

        Raises:
            CacheError: It is refused.
            FetchError: The server does not answer.
        """
        hasher, size = hashlib.sha256(), 0
        for piece in body:
            hasher.update(piece)
            size += len(piece)

        def attempt() -> Reply:
            signed = self._signed(method, url, headers or {}, hasher.hexdigest())
            reply = self._uploads.send(method, url, signed, size, lambda: body)
            if reply.status in TRANSIENT_STATUSES:
                error = refusal(reply.status, reply.url, reply.headers, reply.body)
                raise TransientError(
                    str(error), asked_wait(reply.headers), crowded=True, status=reply.status
                )
            return reply

        reply = retrying(attempt, tries=lambda: tries, patience=LONGEST_ASKED_WAIT)
        if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            return reply
        raise self.refused(
            refusal(reply.status, reply.url, reply.headers, reply.body), written=True
        )

    def _signed(
        self, method: str, url: str, headers: Mapping[str, str], digest: str
    ) -> dict[str, str]:
        """Return headers with a signature, or without one if nobody is logged in."""
        credentials = self._environment.credentials()
        if credentials is None:
            return dict(headers)
        keys = frozen_keys(credentials)
        learn(keys.secret_key, keys.token)
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        _Auth(keys, self.region, digest).add_auth(request)
        return dict(request.headers.items())

    def refused(self, error: StatusError, *, written: bool = False) -> CacheError:
        """Return in words why the bucket refuses."""
        anonymous = self._environment.is_anonymous
        said = explained(
            error, self.bucket, self.region, self.endpoint, self._label, anonymous=anonymous
        )
        hint = said.hint or ""
        if error.region and f'region = "{error.region}"' in hint:
            hint = f"add region={error.region} to the query of the URL"
        elif error.status == HTTPStatus.FORBIDDEN and error.code in {"AccessDenied", ""}:
            hint = _MAY_WRITE.format(bucket=self.bucket) if written else hint
        elif error.code == "NoSuchBucket" or (written and error.status == HTTPStatus.NOT_FOUND):
            hint = (
                "check the name, and region= and endpoint= in the query of the URL; or make it "
                f"with `aws s3 mb s3://{self.bucket}`"
            )
            return CacheError(f"there is no bucket {self.bucket}: {error}", hint, fatal=True)
        return CacheError(said.message, hint, fatal=True)


class _Auth(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs for a body of which only the digest is there."""

    def __init__(self, keys: Any, region: str, digest: str) -> None:  # noqa: ANN401 - as above
        super().__init__(keys, "s3", region)
        self._digest = digest

    def payload(self, _request: Any) -> str:  # noqa: ANN401 - as above
        """Return the digest of the body."""
        return self._digest
