"""What botocore's exceptions mean, in words and with a next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, which is no OSError
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

from aimodels_gen.errors import SourceError

if TYPE_CHECKING:
    from aimodels_gen.sources.s3 import S3

# What comes of answers that are not S3's.
_ODD_ANSWERS = (ResponseParserError, ValueError, KeyError, TypeError)
EXPECTED: tuple[type[Exception], ...] = (BotoCoreError, ClientError, *_ODD_ANSWERS)

# After these, asking for the rest is worth it.
TRANSIENT: tuple[type[Exception], ...] = (ConnectionError, HTTPClientError, IncompleteReadError)

_NOT_FOUND, _SERVER = 404, 500
_WRONG_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "301"}
_PUBLIC = "without credentials only public buckets can be read"
_LOG_IN = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"


@dataclass(frozen=True)
class Asked:
    """What was asked, and how.

    Attributes:
        path: of a file, None for the listing.
        authenticated: whether requests were signed.
    """

    source: S3
    path: str | None
    authenticated: bool

    @property
    def what(self) -> str:
        """Return what to call it in a message."""
        return self.source.label if self.path is None else f"{self.source.label}{self.path}"


def explain(error: Exception, asked: Asked) -> SourceError:
    """Return a `SourceError` that says what an exception of botocore means."""
    if isinstance(error, ClientError):
        return _refusal(error, asked)
    if isinstance(error, NoCredentialsError):
        return SourceError(f"there are no credentials for {asked.what}", _LOG_IN)
    if isinstance(error, TRANSIENT):
        return SourceError(
            f"cannot reach the server of {asked.what}: {_one_line(error)}",
            "check the endpoint, the region, the network and the proxy settings, then try again",
        )
    if isinstance(error, BotoCoreError):
        return SourceError(
            f"{asked.what}: {_one_line(error)}", "check ~/.aws and the AWS_ variables"
        )
    return SourceError(
        f"the server of {asked.what} does not answer like S3: {_one_line(error)}",
        "check the endpoint",
    )


def _refusal(error: ClientError, asked: Asked) -> SourceError:
    """Return what a code of S3 means: its API reference, ErrorResponses.html."""
    source, bucket = asked.source, f"s3://{asked.source.bucket}"
    details = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    code, status = str(details.get("Code", "")), meta.get("HTTPStatusCode", 0)
    region = meta.get("HTTPHeaders", {}).get("x-amz-bucket-region") or details.get("Region")
    if code == "NoSuchBucket":
        place = f" at {source.endpoint}" if source.endpoint else ""
        what = f"there is no bucket {source.bucket}{place}"
        hint = "check its name, the region and the endpoint"
    elif region and code in _WRONG_REGION:
        what = f"{bucket} is in {region}, not in {source.region or 'the region of AWS_REGION'}"
        hint = f'write region = "{region}"'
    elif code in _HINTS:
        what, hint = f"{asked.what} is refused", _HINTS[code]
    elif status in {401, 403}:
        what = f"access to {asked.what} is refused"
        hint = _may_read(bucket) if asked.authenticated else f"{_LOG_IN}; {_PUBLIC}"
    elif status == _NOT_FOUND or code == "PreconditionFailed":
        what = f"{asked.what} was removed or replaced while it was being locked"
        hint = "lock again"
    elif status >= _SERVER or code in {"SlowDown", "RequestTimeout"}:
        what = f"the server of {asked.what} failed"
        hint = "try again later; if it stays so, check the endpoint"
    else:
        what = f"{asked.what} is refused: {details.get('Message') or 'no reason given'}"
        hint = "check the endpoint and the region"
    named = f", {code}" if code and code != str(status) else ""
    return SourceError(f"{what} (HTTP {status}{named})", hint)


def _may_read(bucket: str) -> str:
    return (
        f"check that the credentials may read it (s3:ListBucket for {bucket}, s3:GetObject for "
        "what is in it); where whoever asks has to pay, AWS_REQUEST_PAYER=requester says that you "
        "will"
    )


# Codes that are about the credentials, the clock or the object, whatever was asked.
_HINTS = {
    "ExpiredToken": "the session is over: get new credentials, for example with `aws sso login`",
    "InvalidAccessKeyId": "the server does not know AWS_ACCESS_KEY_ID: are the keys those of it?",
    "InvalidObjectState": "the object is archived: restore it with `aws s3api restore-object`",
    "InvalidToken": "AWS_SESSION_TOKEN is not the one that belongs to the keys",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY is not the one that belongs to the key id",
    "TokenRefreshRequired": "get new credentials",
}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
