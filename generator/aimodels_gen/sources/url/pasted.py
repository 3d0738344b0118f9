"""What people paste where files at URLs are asked for: one URL, a list, a command, other keys."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aimodels_fetcher.urls import is_file, is_shown, public
from aimodels_gen.pasted import CHECKSUMS, LOCKED, Draft, Meant, plain_key, plain_text
from aimodels_gen.sources.s3 import pasted as bucket
from aimodels_gen.sources.url.files import algorithm, read_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAIN = "files"
_KIND = "url"
_FILES = frozenset(["address", "file", "files", "href", "link", "mirrors", "uri", "url", "urls"])
_URLS = frozenset(["address", "href", "link", "mirror", "mirrors", "uri", "url", "urls"])
_NAMES = frozenset(["file", "file_name", "filename", "name", "out", "path"])
_SUMS = frozenset(["checksums", "checksum_url", "sha256sums", "sums", "sums_url"])
_COMMAND = re.compile(r"(?:\$ )?(?:aria2c|curl|wget)\s.*?(?P<url>https?://[^\s'\"]+)")
# A page about a file.
_PAGE = re.compile(r"(https?://(?:www\.)?github\.com/[^/]+/[^/]+)/blob/")
# Pages of sites with models, which are about files.
_ABOUT = re.compile(
    r"https?://(?:[\w-]+\.)*(?:civitai\.com|git(?:hub|lab)\.com|(?:hf|huggingface)\.co|kaggle\.com"
    r"|modelscope\.(?:cn|ai)|ollama\.(?:com|ai))/(?!.*/(?:blob|download|raw|resolve)/)",
    re.IGNORECASE,
)
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
    checksums: list[object] = []
    for key, value in table.items():
        name = plain_key(key)
        if found := _named(key, value, draft):
            files |= found
        elif name in _SUMS and _is_url(value):
            draft.table["sums"] = value
        elif name in CHECKSUMS:
            checksums.append(value)
        elif not draft.takes(key, value):
            draft.table[key] = value
    for value in checksums:
        _attach(files, value, draft)
    draft.table = {**({"files": files} if files else {}), **draft.table}
    return _in_bucket(files) or draft.meant(_KIND)


def _named(key: str, value: Any, draft: Draft) -> dict[str, Any]:  # noqa: ANN401 - of TOML
    """Return the files that a key and its value name, none if it is another key."""
    name = plain_key(key)
    if name == "files" and isinstance(value, dict):
        return {path: _file(item, draft) for path, item in _by_path(value)}
    if name in _FILES and _are_tables(value):
        return _listed(value, draft)
    if name in _FILES and isinstance(value, (str, list)):
        return _files(value, draft)
    is_file = "." in key and (_is_url(value) or isinstance(value, dict))
    return {key: _file(value, draft)} if is_file else {}


def _by_path(files: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Return files by their paths, also where a dot without quotes has made tables of them."""
    for key, value in files.items():
        if isinstance(value, dict) and not (_URLS | CHECKSUMS) & set(map(plain_key, value)):
            yield from _by_path(value, f"{before}{key}.")
        else:
            yield before + key, value


def _file(value: Any, draft: Draft) -> Any:  # noqa: ANN401 - of TOML
    """Return `{ url = …, sha256 = … }` for a table with other keys; other values as they are."""
    if not isinstance(value, dict):
        return value
    urls: list[Any] = []
    checksum = None
    for key, item in value.items():
        name = plain_key(key)
        if name in _URLS:
            urls += item if isinstance(item, list) else [item]
        elif name in CHECKSUMS:
            checksum = _checksum(item, draft) or checksum
        elif name == "size":
            draft.notes.append(LOCKED.replace("checksums", "sizes, checksums"))
        else:
            draft.takes(key, item)
    if not urls:
        return value
    url = urls[0] if len(urls) == 1 else urls
    return {"url": url, "sha256": checksum} if checksum else url


def _listed(tables: list[dict[str, Any]], draft: Draft) -> dict[str, Any]:
    """Return files that are listed with their names inside, or with those of their URLs."""
    found: dict[str, Any] = {}
    for table in tables:
        named = {plain_key(key): key for key in table}
        key = next((named[name] for name in named if name in _NAMES), None)
        file = _file({one: item for one, item in table.items() if one != key}, draft)
        urls = file["url"] if isinstance(file, dict) else file
        path = table[key] if key else next(iter(_files(urls, draft)), None)
        if not isinstance(path, str) or (isinstance(file, dict) and "url" not in file):
            return {}
        found[path] = file
    return found


def _attach(files: dict[str, Any], value: object, draft: Draft) -> None:
    """Add a checksum that is beside the only file, or checksums by path, to the files."""
    if isinstance(value, dict):
        given = {path: item for path, item in value.items() if path in files}
    else:
        given = dict.fromkeys(files, value) if len(files) == 1 else {}
    if not given:
        draft.notes.append(LOCKED)
    for path, item in given.items():
        file = files[path]
        checksum = _checksum(item, draft)
        if checksum and not isinstance(file, dict):
            files[path] = {"url": file, "sha256": checksum}


def _checksum(value: object, draft: Draft) -> str | None:
    """Return a sha256 as it may stand in a manifest; None, with a note, for other checksums."""
    words = value.split() if isinstance(value, str) else []
    word = words[0] if words else ""  # sha256sum writes the name after it
    try:
        read_sha256(word)
    except ValueError:
        other = algorithm(word)
        kind = f", not {other}" if other else ""
        draft.notes.append(f"if you know its sha256, write all 64 hexadecimal digits{kind}")
        return None
    return word


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


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
        if not is_shown(plain) or not is_file(shown) or not name or _ABOUT.match(shown):
            return {}
        if "?" in plain and not _HARMLESS.search(plain):
            draft.notes.append("its query is left out: everybody could read it in the lock")
        found[name] = shown
    return found


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))
