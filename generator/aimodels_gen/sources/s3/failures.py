"""What the fetcher's errors mean for a bucket that is being locked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from shlex import join
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import ContentError, SizeError, StatusError
from aimodels_fetcher.sources.s3.failures import OF_THE_KEYS, explained
from aimodels_gen.errors import THIS_COMMAND, SourceError
from aimodels_gen.net.faults import causes, fault
from aimodels_gen.pasted import exactly

if TYPE_CHECKING:
    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.sources.s3.objects import Page
    from aimodels_gen.sources.s3 import S3

_MOST_SHOWN = 200  # characters of a key
_HINTS = {
    "unreachable": (
        "check the endpoint, the region, the network and the proxy settings, then try again"
    ),
    "status": "try again later; if it stays so, check the endpoint",
}
_WHAT = {
    "unreachable": "cannot reach the server of {}",
    "status": "the server of {} failed",
    "unexpected": "the server of {} does not answer like S3",
}


@dataclass(frozen=True)
class Asked:
    """What was asked, and how.

    Attributes:
        path: of a file, None for the listing.
        anonymous: whether requests were not signed.
    """

    source: S3
    path: str | None
    anonymous: bool

    @property
    def what(self) -> str:
        """Return what to call it in a message."""
        return f"{self.source.label}{self.path or ''}"


def explain(error: AimodelsError, asked: Asked) -> SourceError:
    """Return a `SourceError` that says what an error of the fetcher means."""
    if isinstance(error, SourceError):
        return error
    for one in causes(error):
        # A header of the server, such as a checksum of other content, and not what was listed.
        if isinstance(one, ContentError) and " announces " in one.difference:
            return SourceError(f"{asked.what}: {one.difference}", one.hint)
        if isinstance(one, (ContentError, SizeError)) and asked.path is not None:
            return replaced(asked.source, asked.path)
        if isinstance(one, StatusError):
            bucket, region = asked.source.bucket, asked.source.region
            server = asked.source.endpoint
            said = explained(one, bucket, region, server, asked.what, anonymous=asked.anonymous)
            return SourceError(said.message, said.hint, common=_common(one, asked.source))
    found = fault(error)
    if found.kind in _WHAT:
        message = f"{_WHAT[found.kind].format(asked.what)}: {found.reason}"
        server = asked.source.endpoint
        common = f"{_WHAT[found.kind].format('these buckets')}: {found.reason}" if server else None
        hint = found.hint or _HINTS.get(found.kind, error.hint)
        return SourceError(message, hint, common=common)
    return SourceError(f"{asked.what}: {error.message}", error.hint)


def _common(error: StatusError, source: S3) -> str | None:
    """Return the message for several models whose buckets are refused for one cause."""
    status = f"HTTP {error.status}" + (f" ({error.code})" if error.code else "")
    if error.code in OF_THE_KEYS - {"AccessDenied"}:
        return f"{source.endpoint or 'Amazon S3'} refused your credentials: {status}"
    if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"access to s3://{source.bucket} is refused: {status}"
    return None


def replaced(source: S3, path: str) -> SourceError:
    """Return the error for an object that is no longer what was listed."""
    return SourceError(
        f"{source.label}: {path!r} was replaced while it was being locked",
        f"run `{THIS_COMMAND}` again",
    )


def no_objects(source: S3, near: Page) -> SourceError:
    """Return why there are no objects: most likely the prefix is next to one that has some.

    Args:
        source: without objects.
        near: what begins with its prefix without the slash, up to the next slash.
    """
    prefix = source.prefix
    objects = [file.path for file in near.files]
    if prefix and prefix[:-1] in objects:
        directory, _, name = prefix[:-1].rpartition("/")
        hint = (
            f"it is an object: write prefix = {_toml(directory)} and "
            f"include = [{_toml(exactly(name))}]"
        )
    elif prefix.startswith("/"):
        hint = f"keys hardly ever begin with a slash: write prefix = {_toml(prefix.lstrip('/'))}"
    elif others := [name for name in (*near.prefixes, *objects) if name != prefix]:
        hint = f"there is {', '.join(repr(name[:_MOST_SHOWN]) for name in others[:5])}"
    else:
        options = [
            *(["--endpoint-url", source.endpoint] if source.endpoint else []),
            *(["--region", source.region] if source.region else []),
        ]
        hint = f"look at it with `{join(['aws', 's3', 'ls', source.label, *options])}`"
    return SourceError(f"{source.label} has no objects", hint)


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
