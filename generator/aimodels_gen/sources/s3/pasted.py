"""What people paste where a bucket is asked for: addresses, ARNs, commands, other keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from aimodels_fetcher.urls import is_shown, public
from aimodels_gen.net.contents import is_weights
from aimodels_gen.pasted import Draft, Meant, exactly, plain_key, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = "bucket"
_KIND = "s3"
_BUCKET = frozenset(["bucket", "bucket_name", "name", "url", "uri", "s3_uri", "s3_url"])
_PREFIX = frozenset(
    ["prefix", "path", "folder", "dir", "directory", "key", "key_prefix", "subfolder"]
)
_ENDPOINT = frozenset(("endpoint", "endpoint_url", "server"))
_REGION = frozenset(("region", "region_name", "aws_region", "default_region"))
_S3 = re.compile(r"s3[an]?://(?P<bucket>[^/\s?#@]+)(?:/(?P<prefix>[^\s?#]*))?", re.IGNORECASE)
_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>[^/\s*]+)(?:/(?P<prefix>[^\s*]*)\*?)?")
# Amazon's hosts, with the bucket before `s3` or after the host.
_HOST = re.compile(
    r"(?:(?P<bucket>[0-9a-z][0-9a-z._-]*)\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]+(?:-[a-z]+)+"
    r"-[0-9]+))?\.amazonaws\.com(?:\.cn)?"
)
_CONSOLE = re.compile(r"(?:[0-9a-z-]+\.)*console\.aws\.amazon\.com")
_OTHER_FILES = re.compile(r"\.(?:csv|json|jsonl|md|model|parquet|tar|txt|zip|zst)\Z")


def read(text: str) -> Meant | None:
    """Return the bucket that a text names, None if it names none."""
    text = plain_text(text)
    found = _S3.search(text) if text.startswith("aws ") else _S3.fullmatch(text)
    found = found or _ARN.fullmatch(text)
    if found:
        return _meant(found["bucket"], found["prefix"] or "")
    if "://" not in text and _HOST.match(text.partition("/")[0].lower()):
        text = f"https://{text}"
    if not text.startswith(("http://", "https://")) or not is_shown(text):
        return None
    address = urlsplit(public(text))
    host, path = (address.hostname or "").lower(), unquote(address.path).lstrip("/")
    if _CONSOLE.fullmatch(host) and "/buckets/" in f"/{path}":
        query = parse_qs(urlsplit(text).query)
        region, prefix = (query.get(key, [""])[0] for key in ("region", "prefix"))
        bucket = path.partition("buckets/")[2].partition("/")[0]
        return _meant(bucket, prefix, region)
    amazon = _HOST.fullmatch(host)
    if not amazon:
        return None
    bucket, rest = amazon["bucket"], path
    if not bucket:
        bucket, _, rest = path.partition("/")
    return _meant(bucket, rest, amazon["region"]) if bucket else None


def correct(table: Mapping[str, Any]) -> Meant:
    """Return what is most likely meant by a table."""
    draft = Draft()
    for key, value in table.items():
        name = plain_key(key)
        text = plain_text(value) if isinstance(value, str) else None
        if text is not None and name in _BUCKET:
            draft.add(read(text) or _elsewhere(text) or _split(text))
        elif text is not None and name in _PREFIX:
            found = read(text)
            draft.table["prefix"] = found.table.get("prefix", "") if found else value
            draft.include += found.include if found else ()
        elif text is not None and name in _ENDPOINT:
            draft.table["endpoint"] = text
        elif text is not None and name in _REGION:
            draft.table["region"] = text
        elif not draft.takes(key, value):
            draft.table[key] = value
    order = ("bucket", "prefix", "region", "endpoint")
    draft.table = {key: draft.table[key] for key in (*order, *draft.table) if key in draft.table}
    return draft.meant(_KIND)


def _elsewhere(text: str) -> Meant | None:
    """Read the URL of a bucket at another server than Amazon's: its first directory."""
    if not text.startswith(("http://", "https://")) or not is_shown(text):
        return None
    address = urlsplit(public(text))
    bucket, _, prefix = unquote(address.path).lstrip("/").partition("/")
    return _meant(bucket, prefix, None, f"{address.scheme}://{address.netloc}") if bucket else None


def _split(text: str) -> Meant:
    """Read `bucket/prefix`."""
    bucket, _, prefix = text.strip("/").partition("/")
    return _meant(bucket, prefix)


def _meant(
    bucket: str, prefix: str, region: str | None = None, endpoint: str | None = None
) -> Meant:
    directory, _, name = prefix.rpartition("/")
    include: tuple[str, ...] = ()
    if name and (is_weights(name) or _OTHER_FILES.search(name)):
        prefix, include = directory, (exactly(name),)
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    table = {"bucket": bucket, "prefix": prefix, "region": region, "endpoint": endpoint}
    return Meant(_KIND, {key: value for key, value in table.items() if value}, include)
