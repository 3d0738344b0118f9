"""Credentials for S3, and requests signed with them, by botocore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.redaction import learn
from aimodels_fetcher.urls import public

if TYPE_CHECKING:
    from collections.abc import Callable


def variable(*names: str) -> str | None:
    """Return the first of these variables that is set; Nix sets others to an empty string."""
    return next((value for value in map(os.environ.get, names) if value), None)


def where() -> str:
    """Return where to look for credentials."""
    # Nix sets this for builds, and the generator runs outside of one.
    if not os.environ.get("NIX_BUILD_TOP"):
        return "see `aws sts get-caller-identity`"
    return "builds get credentials from nix-daemon's environment, not from your shell"


def find_credentials() -> Any:  # noqa: ANN401 (botocore has no types)
    """Read credentials: AWS_ACCESS_KEY_ID and its like, else the instance's where that is wanted.

    None for requests without. Files are not read: what builds see of them is chance.

    Raises:
        FetchError: They are incomplete, or cannot be read.
    """
    key, secret = variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        from botocore.credentials import Credentials  # noqa: PLC0415 (slow to import)

        return Credentials(key, secret, variable("AWS_SESSION_TOKEN"))
    if key or secret:
        raise FetchError(
            f"AWS_{'SECRET_ACCESS_KEY' if key else 'ACCESS_KEY_ID'} is not set, its other half is",
            f"set both or none; {where()}",
        )
    # Amazon's own switch, which has to be set on purpose: anonymous builds should not have to wait
    # for a service that is not there.
    if (variable("AWS_EC2_METADATA_DISABLED") or "").lower() == "false":
        return _instance_credentials()
    return None


def _instance_credentials() -> Any:  # noqa: ANN401 (as above)
    from botocore.credentials import InstanceMetadataProvider  # noqa: PLC0415 (slow to import)
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.utils import METADATA_BASE_URL, InstanceMetadataFetcher  # noqa: PLC0415

    address = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA_BASE_URL
    try:
        fetcher = InstanceMetadataFetcher(
            timeout=2, num_attempts=3, base_url=address, user_agent="nix-ai-models"
        )
        found = InstanceMetadataProvider(fetcher).load()
    except BotoCoreError:  # the address is not valid
        found = None
    if found is None:
        raise FetchError(
            f"{public(address)} gives no credentials, as AWS_EC2_METADATA_DISABLED=false wants",
            "give this instance a role that may read the bucket, or unset the variable",
        )
    return found


def signer(credentials: Any, region: str) -> Callable[[str, str], dict[str, str]]:  # noqa: ANN401
    """Return what gives the headers for a method and a URL of a bucket.

    With credentials they are a signature (version 4), so that URLs hold no secret. A HEAD asks for
    checksums, too.

    Args:
        credentials: botocore's; None for requests without.
        region: Of the bucket.
    """
    payer = variable("AWS_REQUEST_PAYER")

    def headers_for(method: str) -> dict[str, str]:
        paying = {"x-amz-request-payer": payer} if payer else {}
        return {**paying, "x-amz-checksum-mode": "ENABLED"} if method == "HEAD" else paying

    def sign(method: str, url: str) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth  # noqa: PLC0415 (slow to import)
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        request = AWSRequest(method=method, url=url, headers=headers_for(method))
        try:
            # Anew each time: those of an instance are renewed (botocore's RefreshableCredentials).
            frozen = credentials.get_frozen_credentials()
        except (BotoCoreError, RuntimeError) as error:
            raise FetchError(
                f"the credentials for S3 cannot be renewed: {error}",
                "log in again, or build again later",
            ) from error
        learn(frozen.secret_key, frozen.token)
        S3SigV4Auth(frozen, "s3", region).add_auth(request)
        return dict(request.headers.items())

    if credentials is None:
        return lambda method, _url: headers_for(method)
    return sign
