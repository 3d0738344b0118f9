"""What people paste where files at URLs are asked for: one URL, a list, a command, other keys."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aimodels_fetcher.urls import is_file, is_shown, public
from aimodels_gen.pasted import Draft, Meant, plain_key, plain_text
from aimodels_gen.sources.s3 import pasted as bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = "files"
_KIND = "url"
_FILES = frozenset(["address", "file", "files", "href", "link", "mirrors", "uri", "url", "urls"])
_SUMS = frozenset(["checksums", "checksum_url", "sha256sums", "sums", "sums_url"])
_COMMAND = re.compile(r"(?:\$ )?(?:aria2c|curl|wget)\s.*?(?P<url>https?://[^\s'\"]+)")
# A page about a file.
_PAGE = re.compile(r"(https?://(?:www\.)?github\.com/[^/]+/[^/]+)/blob/")
_HARMLESS = re.compile(r"\?(?:download=(?:true|1)|raw=(?:true|1)|dl=1)(?:#.*)?\Z|#.*\Z")


def read(text: str) -> Meant | None:
    """Return the file whose URL a text names, None if it names none."""
    text = plain_text(text)
    command = _COMMAND.match(text)
    draft = Draft()
    draft.table["files"] = _files(command["url"] if command else text, draft)
    return draft.meant(_KIND) if draft.table["files"] else None


def correct(table: Mapping[str, Any]) -> Meant:
    """Return what is most likely meant by a table."""
    draft = Draft()
    files: dict[str, Any] = {}
    for key, value in table.items():
        name = plain_key(key)
        if name == "files" and isinstance(value, dict):
            files |= {path: _plain(url, draft) for path, url in value.items()}
        elif name in _FILES and isinstance(value, (str, list)):
            files |= _files(value, draft)
        elif name in _SUMS and _is_url(value):
            draft.table["sums"] = value
        elif _is_url(value) and "." in key:
            files[key] = value
        elif not draft.takes(key, value):
            draft.table[key] = value
    draft.table = {**({"files": files} if files else {}), **draft.table}
    return _in_bucket(files) or draft.meant(_KIND)


def _plain(value: Any, draft: Draft) -> Any:  # noqa: ANN401 - of TOML
    """Return the URL of a file with `{ url = …, sha256 = … }`."""
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return value
    for key in value:
        draft.takes(key, value[key])
    return value["url"]


def _in_bucket(files: Mapping[str, Any]) -> Meant | None:
    """Return the directory of a bucket that all files are in, None if there is none."""
    found = [bucket.read(url) for url in files.values() if isinstance(url, str)]
    if not found or None in found or len(found) < len(files):
        return None
    first, *others = [one for one in found if one]
    if any(one.table != first.table for one in others):
        return None
    included = (pattern for one in (first, *others) for pattern in one.include)
    return replace(first, include=tuple(included))


def _files(value: object, draft: Draft) -> dict[str, str]:
    """Return URLs by the names of their files, without logins and queries; none if one is wrong."""
    urls = value if isinstance(value, (list, tuple)) else [value]
    found: dict[str, str] = {}
    for url in urls:
        plain = _PAGE.sub(r"\1/raw/", plain_text(url)) if isinstance(url, str) else ""
        shown = public(plain)
        name = unquote(shown.rpartition("/")[2])
        if not is_shown(plain) or not is_file(shown) or not name:
            return {}
        if "?" in plain and not _HARMLESS.search(plain):
            draft.notes.append("its query is left out: everybody could read it in the lock")
        found[name] = shown
    return found


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))
