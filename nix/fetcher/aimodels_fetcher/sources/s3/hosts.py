"""The URLs of buckets: Amazon's in their region, and other servers'."""

from __future__ import annotations

import re

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


def bucket_url(bucket: str, endpoint: str | None, region: str | None = None) -> str:
    """Return the base URL of a bucket.

    Args:
        bucket: Its name.
        endpoint: Base URL of another server than Amazon's, without a trailing slash.
        region: Of a bucket at Amazon; None for the host that only knows where it is.
    """
    if endpoint:
        return f"{endpoint}/{bucket}"
    host = _host_in(region) if region else "s3.amazonaws.com"
    return (
        f"https://{bucket}.{host}" if _HOST_PART.fullmatch(bucket) else f"https://{host}/{bucket}"
    )


def _host_in(region: str) -> str:
    partition = region.rpartition("-")[0].rpartition("-")[0]
    return f"s3.{region}.{_DOMAINS.get(partition, 'amazonaws.com')}"
