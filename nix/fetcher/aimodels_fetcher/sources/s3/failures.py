"""What S3's error codes mean, and what to do about them: for builds and for the generator.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3.credentials import where

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
_OF_THE_KEYS = {
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_LOG_IN = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; without credentials only "
    "public buckets can be read"
)
_GONE = ("{what} has been removed or replaced", "lock again")
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
        "the server does not know AWS_ACCESS_KEY_ID: are the keys those of it?",
    ),
    "InvalidObjectState": (
        "{what} is archived",
        "restore it with `aws s3api restore-object`",
    ),
    "InvalidToken": (_DENIED, "AWS_SESSION_TOKEN is not the one that belongs to the keys"),
    "MethodNotAllowed": _GONE,
    "NoSuchBucket": (
        "there is no bucket {name}",
        "check its name, the region and the endpoint",
    ),
    "NoSuchKey": (_GONE[0], "lock again, or check the prefix"),
    "NoSuchVersion": _GONE,
    "PermanentRedirect": ("{bucket} is in another region", "write it into region"),
    "PreconditionFailed": _GONE,
    "RequestTimeTooSkewed": (_DENIED, "set the clock of this machine"),
    "SignatureDoesNotMatch": (
        _DENIED,
        "AWS_SECRET_ACCESS_KEY is not the one that belongs to the key id",
    ),
    "TokenRefreshRequired": (_DENIED, "get new credentials"),
}


def explained(
    error: StatusError,
    bucket: str,
    region: str | None,
    what: str | None = None,
    *,
    anonymous: bool = False,
) -> FetchError:
    """Return the message for an answer of a bucket that refuses.

    Args:
        error: The answer.
        bucket: Name of the bucket.
        region: That it was asked in.
        what: That was asked for, for the message; None for the bucket.
        anonymous: Whether it is known that there are no credentials.
    """
    names = {"name": bucket, "bucket": f"s3://{bucket}", "what": what or f"s3://{bucket}"}
    if error.region and error.region != region and error.code in _WRONG_REGION:
        summary = f"s3://{bucket} is in {error.region}, not in {region or 'the region asked in'}"
        hint = f'write region = "{error.region}"'
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
    elif error.code in _OF_THE_KEYS:
        hint = f"{hint}; {where()}"
    return FetchError(f"{summary.format(**names)}: {error}", hint.format(**names))
