"""What S3's error codes mean, and what to do about them.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3.credentials import where

if TYPE_CHECKING:
    from aimodels_fetcher.errors import StatusError

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
_HINTS = {
    "AccessDenied": (
        "the credentials may not read it (s3:ListBucket for {bucket}, s3:GetObject for what is in "
        "it), there are none, or whoever asks has to pay: AWS_REQUEST_PAYER=requester says that "
        "you will"
    ),
    "ExpiredToken": "the session is over: get new credentials",
    "InvalidAccessKeyId": "the server does not know AWS_ACCESS_KEY_ID: are the keys those of it?",
    "InvalidObjectState": "the object is archived: restore it (`aws s3api restore-object`)",
    "InvalidToken": "AWS_SESSION_TOKEN is not the one that belongs to the keys",
    "MethodNotAllowed": "the object has been removed: lock again",
    "NoSuchBucket": "there is no {bucket}: check the name, the region and the endpoint",
    "NoSuchKey": "the object has been removed, or the prefix is another: lock again",
    "NoSuchVersion": "the version has been removed: lock again",
    "PermanentRedirect": "{bucket} is in another region: write it into region",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY is not the one that belongs to the key id",
    "TokenRefreshRequired": "get new credentials",
}


def explained(error: StatusError, bucket: str, region: str | None) -> FetchError:
    """Give the message for an answer of a bucket that was asked for in a region."""
    bucket = f"s3://{bucket}"
    if error.region and error.region != region and error.code in _WRONG_REGION:
        hint = f'{bucket} is in another region: write region = "{error.region}"'
    elif error.code in _HINTS:
        hint = _HINTS[error.code].format(bucket=bucket)
    elif error.status in {401, 403}:
        hint = _HINTS["AccessDenied"].format(bucket=bucket)
    elif error.status == 404:  # noqa: PLR2004 (of a server that gives no codes)
        hint = _HINTS["NoSuchKey"]
    else:
        hint = f"check the endpoint and the region of {bucket}"
    return FetchError(str(error), f"{hint}; {where()}" if error.code in _OF_THE_KEYS else hint)
