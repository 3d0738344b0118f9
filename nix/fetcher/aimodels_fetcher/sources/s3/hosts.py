"""The URLs of buckets: Amazon's in their region, and other servers'."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from aimodels_fetcher.errors import FetchError

_REGION = re.compile(r"[0-9A-Za-z-]+")
_OF_AMAZON = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+")
_LONGEST = 63  # characters of a part of a host name
_OLD_NAMES = {"EU": "eu-west-1", "US": "us-east-1"}  # of location constraints
# Names that may stand before the host: a dot would not be covered by the certificate.
_HOST_PART = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")

# Regions that begin so are in partitions with a domain of their own (botocore's endpoints.json).
_DOMAINS = {
    "cn": "amazonaws.com.cn",
    "eu-isoe": "cloud.adc-e.uk",
    "eusc-de": "amazonaws.eu",
    "us-iso": "c2s.ic.gov",
    "us-isob": "sc2s.sgov.gov",
    "us-isof": "csp.hci.ic.gov",
}


def is_region(text: str, *, amazon: bool) -> bool:
    """Return whether this can be the name of a region, of Amazon's or of any server's."""
    return bool((_OF_AMAZON if amazon else _REGION).fullmatch(text)) and len(text) <= _LONGEST


def check_region(region: str, name: str | None = None, *, amazon: bool) -> str:
    """Return a region that may become part of a host name, or of a signature.

    Args:
        region: Its name.
        name: What messages call it, None for the value of a source.
        amazon: Whether the bucket is at Amazon.

    Raises:
        FetchError: It is not a region.
    """
    if is_region(region, amazon=amazon):
        return region
    of = " of Amazon's" if amazon and _REGION.fullmatch(region) else ""
    hint = f"write {_OLD_NAMES.get(region, 'one like eu-central-1')}, or leave it out"
    if of and region not in _OLD_NAMES:
        hint += "; for another server than Amazon's, write its endpoint"
    raise FetchError(f"{name or f'region = {region!r}'} is not a region{of}", hint)


def without_bucket(endpoint: str, bucket: str) -> str | None:
    """Return an endpoint without the bucket's name; None where the name does not stand in it.

    Args:
        endpoint: Base URL, without a trailing slash.
        bucket: Its name.
    """
    parts = urlsplit(endpoint)
    directories = parts.path.split("/")
    if bucket in directories:
        path = "/".join(directories[: directories.index(bucket)])
        return f"{parts.scheme}://{parts.netloc}{path}"
    if parts.netloc.lower().startswith(f"{bucket.lower()}."):
        return f"{parts.scheme}://{parts.netloc[len(bucket) + 1 :]}{parts.path}"
    return None


def bucket_url(bucket: str, endpoint: str | None, region: str | None = None) -> str:
    """Return the base URL of a bucket.

    Args:
        bucket: Its name.
        endpoint: Base URL of another server than Amazon's, without a trailing slash.
        region: Of a bucket at Amazon; None for the host that only knows where it is.

    Raises:
        FetchError: The region is not one of Amazon's.
    """
    if endpoint:
        return f"{endpoint}/{bucket}"
    host = _host_in(check_region(region, amazon=True)) if region else "s3.amazonaws.com"
    return (
        f"https://{bucket}.{host}" if _HOST_PART.fullmatch(bucket) else f"https://{host}/{bucket}"
    )


def _host_in(region: str) -> str:
    partition = region.rpartition("-")[0].rpartition("-")[0]
    return f"s3.{region}.{_DOMAINS.get(partition, 'amazonaws.com')}"
