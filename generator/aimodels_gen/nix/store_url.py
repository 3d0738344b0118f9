"""URLs of binary caches and of other machines' stores, as Nix writes them.

`parse` returns a `Directory`, a `WebCache`, a `Bucket` or an `SshStore`. Each has a `label` for
messages, without secrets, and the `parameters` of its query. What only matters to writing is
checked by `check_writable`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aimodels_fetcher.sources.s3.hosts import check_region
from aimodels_fetcher.urls import is_server, is_shown, public, quoted
from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMS = (
    "write file:///DIRECTORY, a directory such as ./cache, https://HOST/PATH, "
    "s3://BUCKET?region=REGION, ssh://HOST or ssh-ng://HOST"
)
_SSH = re.compile(
    r"ssh(-ng)?://(?!-)(?P<host>([0-9A-Za-z._-]+@)?([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)"
    r"([/?].*)?"
)
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]{0,30}")
_BUCKET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]")
_LOCAL = re.compile(r"(auto|daemon|local|dummy|unix|local-overlay)(:.*|\?.*)?", re.DOTALL)
_REPEATED = re.compile(r"//+")

# Parameters that every store of Nix knows, or every binary cache.
_HARMLESS = frozenset(
    {
        "compression-level",
        "local-nar-cache",
        "parallel-compression",
        "path-info-cache-size",
        "system-features",
        "trusted",
    }
)
_OF_CACHES = _HARMLESS | {
    "compression",
    "index-debug-info",
    "log-compression",
    "ls-compression",
    "narinfo-compression",
    "priority",
    "secret-key",
    "secret-keys",
    "store",
    "want-mass-query",
    "write-nar-listing",
}
_OF_BUCKETS = _OF_CACHES | {
    "addressing-style",
    "buffer-size",
    "endpoint",
    "multipart-chunk-size",
    "multipart-threshold",
    "multipart-upload",
    "profile",
    "region",
    "scheme",
    "storage-class",
}
_YES = {"true", "1", "yes"}
_NO = {"false", "0", "no", ""}


@dataclass(frozen=True)
class _Place:
    """What all of them have.

    Attributes:
        label: For messages, without secrets.
        parameters: Of its query, decoded.
    """

    label: str
    parameters: Mapping[str, str] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True)
class Directory(_Place):
    """A binary cache in a directory, which need not exist: `file:///DIRECTORY`, or its path."""

    path: Path


@dataclass(frozen=True)
class WebCache(_Place):
    """A binary cache on a web server.

    Attributes:
        base: Its URL without a query and without a slash at its end.
    """

    base: str


@dataclass(frozen=True)
class Bucket(_Place):
    """A binary cache in a bucket: `s3://BUCKET/PREFIX?region=…&endpoint=…&scheme=…&profile=…`.

    Attributes:
        prefix: Of the keys: empty, or with a slash at its end.
        region: Of the bucket; None where the URL does not name it.
        endpoint: Base URL of another server than Amazon's, without a slash at its end.
        profile: Of ~/.aws, None for the one of the environment.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class SshStore(_Place):
    """The store of another machine: `ssh://HOST` or `ssh-ng://HOST`.

    Attributes:
        url: As it was written; Nix reads it.
    """

    url: str


StoreUrl = Directory | WebCache | Bucket | SshStore
BinaryCache = Directory | WebCache | Bucket


def parse(text: str) -> StoreUrl:
    """Read the URL of a binary cache or of a store, or the path of a directory.

    Raises:
        AimodelsError: It is neither, or has a parameter that is not known; its hint says what to
            write. Passwords are not quoted.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _plain(text)
    if not text.isprintable() or " " in text:
        raise AimodelsError(
            "the URL of the cache has spaces or control characters", "write a space as %20"
        )
    if "#" in text:
        raise AimodelsError("the URL of the cache has a fragment (#…)", "write # as %23")
    before, _, query = rest.partition("?")
    if scheme in {"ssh", "ssh-ng"}:
        match = _SSH.fullmatch(text)
        if not match:
            raise AimodelsError(
                f"{public(text)} is not the URL of a store over SSH",
                f"write {scheme}://HOST or {scheme}://USER@HOST, without a password",
            )
        return SshStore(f"{scheme}://{match['host']}", text, parameters=_parameters(query))
    if scheme == "file":
        return _file(before, _known(_parameters(query), _OF_CACHES))
    if scheme in {"http", "https"}:
        return _web(text.partition("?")[0], _known(_parameters(query), _OF_CACHES))
    if scheme == "s3":
        return _bucket(before, _known(_parameters(query), _OF_BUCKETS))
    if _LOCAL.fullmatch(scheme):
        raise _own_store(f"{scheme}://")
    shown = f"{scheme}://" if _SCHEME.fullmatch(scheme) else "the URL"
    raise AimodelsError(f"{shown} is not of a cache or a store", _FORMS)


def check_writable(url: BinaryCache, store_dir: str) -> None:
    """Refuse parameters that ask for something that is not written, and the store itself.

    Raises:
        AimodelsError: With what to do instead.
    """
    if isinstance(url, Directory):
        _check_elsewhere(url, Path(store_dir))
    _check_parameters(url, store_dir)


def _check_parameters(url: BinaryCache, store_dir: str) -> None:
    given = url.parameters
    for name in ("compression", "narinfo-compression"):
        if given.get(name, "none") not in {"", "none"}:
            raise AimodelsError(
                f"{url.label}: {name}={quoted(given[name])} is not written: models hardly get "
                "smaller, and only uncompressed files can be fetched in parts",
                f"leave {name} out of the URL",
            )
    for name in ("secret-key", "secret-keys"):
        if given.get(name):
            raise AimodelsError(
                f"{url.label}: {name} is not used: pinned files need no signature",
                f"leave it out of the URL; to sign what --installable pushes, add "
                f"`--secret-key-file {given[name].partition(',')[0]}`",
            )
    for name in ("write-nar-listing", "index-debug-info"):
        if given.get(name, "").lower() not in _NO:
            raise AimodelsError(
                f"{url.label}: {name} is not written", f"leave {name} out of the URL"
            )
    if given.get("store", store_dir) != store_dir:
        raise AimodelsError(
            f"{url.label}: store={quoted(given['store'])}, but the store of this machine is "
            f"{store_dir}",
            "leave store out of the URL; a cache has paths of one store directory only",
        )
    if not re.fullmatch("[0-9]{1,9}", given.get("priority", "0")):
        raise AimodelsError(
            f"{url.label}: priority={quoted(given['priority'])} is not a number",
            "write one such as priority=30: caches with lower numbers are asked first",
        )
    wanted = given.get("want-mass-query", "").lower()
    if wanted not in _YES | _NO:
        raise AimodelsError(
            f"{url.label}: want-mass-query={quoted(wanted)} is neither true nor false",
            "write want-mass-query=true",
        )


def _check_elsewhere(url: Directory, store_dir: Path) -> None:
    place = url.path.resolve()
    if store_dir.resolve() in (place, *place.parents):
        raise AimodelsError(
            f"{url.label} is in the Nix store of this machine, where nothing may be written",
            "name a directory elsewhere, such as ./cache",
        )


def is_true(text: str) -> bool:
    """Return whether a parameter says yes."""
    return text.lower() in _YES


def _plain(text: str) -> Directory:
    """Return a directory that is written as a path."""
    if _LOCAL.fullmatch(text):
        raise _own_store(quoted(text))
    path = Path(text)
    looks_so = text.startswith(("/", "./", "../", "~/")) or text in {".", ".."}
    if text and "\0" not in text and (looks_so or path.is_dir()):
        return Directory(text, Path(os.path.abspath(path.expanduser())))  # noqa: PTH100 (keeps links)
    shown = quoted(text) if is_shown(text) or ":" not in text else "this"
    raise AimodelsError(f"{shown} is not the URL of a cache", _FORMS)


def _own_store(shown: str) -> AimodelsError:
    return AimodelsError(
        f"{shown} is a store of this machine, not a cache",
        "to fill the store of this machine, run `aimodels-gen prefetch`",
    )


def _file(path: str, parameters: Mapping[str, str]) -> Directory:
    name = unquote(path)
    if not name.startswith("/") or "\0" in name:
        raise AimodelsError(
            f"file://{name if name.isprintable() else ''} does not name a directory from /",
            f"write file:///DIRECTORY, such as file://{Path.cwd()}/cache",
        )
    return Directory(
        f"file://{path}", Path(os.path.normpath(_REPEATED.sub("/", name))), parameters=parameters
    )


def _web(address: str, parameters: Mapping[str, str]) -> WebCache:
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise AimodelsError(
            "the URL of the cache has a user or a password in it",
            "write the URL without them, and `machine HOST login USER password PASSWORD` into "
            "~/.netrc",
        )
    if not is_server(address):
        raise AimodelsError(
            f"{public(address)} is not the http(s) URL of a cache",
            "write one like https://cache.example.org/models",
        )
    base = address.rstrip("/")
    return WebCache(base, base, parameters=parameters)


def _bucket(where: str, parameters: Mapping[str, str]) -> Bucket:
    if "@" in where:
        raise AimodelsError(
            "the URL of the bucket has a user or a key in it",
            "write s3://BUCKET, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
        )
    bucket, _, prefix = unquote(where).partition("/")
    prefix = _REPEATED.sub("/", prefix).strip("/")
    if not _BUCKET.fullmatch(bucket) or set(prefix.split("/")) & {".", ".."}:
        raise AimodelsError(
            f"{quoted(f's3://{unquote(where)}')} does not name a bucket",
            "write s3://BUCKET?region=REGION, and for another server than Amazon's "
            "s3://BUCKET?endpoint=HOST&scheme=https",
        )
    endpoint = _endpoint(parameters)
    region = parameters.get("region") or None
    if region:
        check_region(region, f"region={region!r} of s3://{bucket}", amazon=not endpoint)
    prefix = f"{prefix}/" if prefix else ""
    return Bucket(
        f"s3://{bucket}/{prefix}".rstrip("/"),
        bucket,
        prefix,
        region,
        endpoint,
        parameters.get("profile") or None,
        parameters=parameters,
    )


def _endpoint(parameters: Mapping[str, str]) -> str | None:
    """Return the URL of a server; Nix knows a host with `scheme` as well as a URL."""
    named = parameters.get("endpoint", "")
    if not named:
        return None
    url = named if "://" in named else f"{parameters.get('scheme') or 'https'}://{named}"
    if not is_server(url):
        raise AimodelsError(
            "endpoint is not the host of an S3 server, such as minio.example.org:9000",
            "write endpoint=HOST, and scheme=http for a server without TLS",
        )
    return url.rstrip("/")


def _parameters(query: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _known(parameters: Mapping[str, str], known: frozenset[str]) -> Mapping[str, str]:
    if unknown := [name for name in parameters if name not in known]:
        raise AimodelsError(
            f"the URL of the cache has a parameter that is not known: {quoted(unknown[0])}",
            f"leave it out; these are known: {', '.join(sorted(known))}",
        )
    return parameters
