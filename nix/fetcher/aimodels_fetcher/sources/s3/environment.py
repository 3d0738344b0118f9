"""What variables say about S3, apart from credentials. A value is checked when it is needed."""

from __future__ import annotations

import os

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.s3.hosts import check_region
from aimodels_fetcher.urls import is_server

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def setting(*names: str) -> tuple[str, str] | None:
    """Return the first of these variables that is set, and its value; Nix sets others to ""."""
    return next(((name, value) for name in names if (value := os.environ.get(name))), None)


def variable(*names: str) -> str | None:
    """Return the value of the first of these variables that is set."""
    found = setting(*names)
    return found[1] if found else None


def endpoint_variable() -> str | None:
    """Return the server that a variable names in place of Amazon's, without a trailing slash.

    Raises:
        FetchError: It is not the URL of a server.
    """
    found = setting(*ENDPOINTS)
    return checked_endpoint(*found) if found else None


def checked_endpoint(name: str, url: str) -> str:
    """Return the URL of a server without a trailing slash.

    Args:
        name: Where it is from, for messages.
        url: Not shown in messages, because it may have a password.

    Raises:
        FetchError: It is not the URL of a server, or has a password.
    """
    if not is_server(url):
        raise FetchError(
            f"{name} is not an http(s) address of a server",
            "write one like https://s3.example.org, without user, password or query",
        )
    return url.rstrip("/")


def region_variable(*, amazon: bool) -> str | None:
    """Return the region that a variable names.

    Args:
        amazon: Whether it is for a bucket at Amazon.

    Raises:
        FetchError: It is not a region.
    """
    found = setting(*REGIONS)
    if not found:
        return None
    name, region = found
    return check_region(region, f"{name}={region!r}", amazon=amazon)


def payer() -> str | None:
    """Return who pays for requests, for buckets where the requester has to.

    Raises:
        FetchError: It is not what S3 knows.
    """
    value = variable("AWS_REQUEST_PAYER")
    if value not in {None, "requester"}:
        raise FetchError(
            f"AWS_REQUEST_PAYER={value!r} is not known to S3", "set it to `requester`, or unset it"
        )
    return value
