"""What S3's error codes mean, and what to do about them: for builds and for the generator.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.errors import UPDATE, FetchError
from aimodels_fetcher.sources.s3.credentials import where
from aimodels_fetcher.sources.s3.hosts import without_bucket
from aimodels_fetcher.urls import public

if TYPE_CHECKING:
    from aimodels_fetcher.errors import StatusError

_NOT_FOUND = 404
_REFUSED = {401, 403}
_WRONG_REGION = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "InvalidLocationConstraint",
    "PermanentRedirect",
    "",
}
OF_THE_KEYS = {
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
"""Codes of answers for which the credentials are to blame."""

_NO_BUCKET = {"", "MethodNotAllowed", "NoSuchBucket", "NoSuchKey"}
_LOG_IN = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; without credentials only "
    "public buckets can be read"
)
_ELSEWHERE = (
    "write the endpoint of a server other than Amazon's, because builds do not know your shell and "
    "your profiles"
)
_GONE = ("{what} has been removed or replaced", UPDATE)
_MAY_READ = (
    "the credentials may not read it (s3:ListBucket for {bucket}, s3:GetObject for what is in it), "
    "there are none, or the requester pays: set AWS_REQUEST_PAYER=requester"
)
_DENIED = "access to {what} is refused"
# Code -> what is wrong, and what to do.
_TABLE = {
    "AccessDenied": (
        _DENIED,
        _MAY_READ,
    ),
    "ExpiredToken": (
        _DENIED,
        "the session is over: get new credentials, for example with `aws sso login`",
    ),
    "InvalidAccessKeyId": (
        _DENIED,
        "the server does not know AWS_ACCESS_KEY_ID: use keys of this server",
    ),
    "InvalidObjectState": (
        "{what} is archived",
        "restore it with `aws s3api restore-object`",
    ),
    "InvalidToken": (_DENIED, "set the AWS_SESSION_TOKEN that was issued with the keys"),
    "MethodNotAllowed": _GONE,
    "NoSuchBucket": (
        "there is no bucket {name}",
        "check its name, the region and the endpoint",
    ),
    "NoSuchKey": (_GONE[0], f"{UPDATE}, or check the prefix"),
    "NoSuchVersion": _GONE,
    "PermanentRedirect": ("{bucket} is in another region", "set region to that of the bucket"),
    "PreconditionFailed": _GONE,
    "RequestTimeTooSkewed": (_DENIED, "set the clock of this machine"),
    "SignatureDoesNotMatch": (
        _DENIED,
        "set the AWS_SECRET_ACCESS_KEY that was issued with AWS_ACCESS_KEY_ID",
    ),
    "TokenRefreshRequired": (_DENIED, "get new credentials"),
}


def explained(  # noqa: PLR0913 (all but the first three have defaults)
    error: StatusError,
    bucket: str,
    region: str | None,
    endpoint: str | None = None,
    what: str | None = None,
    *,
    anonymous: bool = False,
) -> FetchError:
    """Return the message for an answer of a bucket that refuses.

    Args:
        error: The answer.
        bucket: Name of the bucket.
        region: That it was asked in.
        endpoint: The server that was asked, if it is not Amazon's.
        what: That was asked for, for the message; None for the bucket.
        anonymous: Whether it is known that there are no credentials.
    """
    names = {"name": bucket, "bucket": f"s3://{bucket}", "what": what or f"s3://{bucket}"}
    names["endpoint"] = public(endpoint or "")
    missing = error.status == _NOT_FOUND and error.code in _NO_BUCKET
    if error.region and error.region != region and error.code in _WRONG_REGION:
        summary = f"s3://{bucket} is in {error.region}, not in {region or 'the region asked in'}"
        hint = f'write region = "{error.region}"'
    elif missing and endpoint and error.url.endswith(f"/{bucket}/"):  # the URL of a listing
        summary = "there is no bucket {name} at {endpoint}"
        hint = "check its name and the endpoint, which is the URL of an S3 server"
    elif error.code in _TABLE:
        summary, hint = _TABLE[error.code]
    elif error.status in _REFUSED:
        summary, hint = _TABLE["AccessDenied"]
    elif error.status == _NOT_FOUND:  # of a server that gives no codes, or an answer without a body
        summary, hint = _TABLE["NoSuchKey"]
    else:
        reason = f": {error.detail}" if error.detail else ""
        summary, hint = (
            f"{{what}} is refused{reason.replace('{', '{{').replace('}', '}}')}",
            ("check the endpoint and the region of {bucket}"),
        )
    if anonymous and error.code in {"AccessDenied", ""} and error.status in _REFUSED:
        hint = _LOG_IN
    elif error.code in OF_THE_KEYS:
        hint = f"{hint}; {where()}"
    elif error.code == "NoSuchBucket" and endpoint is None:
        hint = f"{hint}; {_ELSEWHERE}"
    shorter = shorter_endpoint(bucket, endpoint)
    hint = hint.format(**names)
    if shorter and error.code in {"AccessDenied", *_NO_BUCKET}:
        hint = f"{shorter}; if it is right, {hint}"
    return FetchError(f"{summary.format(**names)}: {error}", hint)


def unlike_s3(reason: Exception, bucket: str, endpoint: str | None) -> FetchError:
    """Return the message for a server whose answers are not those of S3.

    Args:
        reason: What is odd about them.
        bucket: Name of the bucket.
        endpoint: The server that was asked, if it is not Amazon's.
    """
    if endpoint is None:
        hint = "check the network and the proxy settings: a login page may be in the way"
        return FetchError(f"the answer is not Amazon's: {reason}", hint)
    hint = "check the endpoint: it is the URL of the S3 API, not of a website or a web console"
    return FetchError(
        f"{public(endpoint)} is not an S3 server: {reason}",
        shorter_endpoint(bucket, endpoint) or hint,
    )


def shorter_endpoint(bucket: str, endpoint: str | None) -> str | None:
    """Return the hint for an endpoint that has the bucket's name in it; None for any other.

    Requests then ask for the bucket's name in the bucket: most servers expect it after their
    address, and some before their name.
    """
    shorter = without_bucket(endpoint, bucket) if endpoint else None
    if shorter is None:
        return None
    return f'take the name of the bucket off the endpoint: endpoint = "{shorter}"'
