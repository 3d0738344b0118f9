"""Binary caches that builds ask before the sources: those of AIMODELS_CACHES."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aimodels_fetcher.environment import whose
from aimodels_fetcher.errors import SettingError
from aimodels_fetcher.sources.binary_cache import BinaryCache, Directory
from aimodels_fetcher.urls import is_server, public

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VARIABLE = "AIMODELS_CACHES"
_CONNECT_SECONDS = 3.0
_PATIENCE = 10.0  # seconds that a cache may ask to wait for
_ANSWER_SECONDS = 5.0  # until a cache says whether it has something
_STORE_NAME = re.compile("[0-9a-z]{32}-.+")


def caches_of(out: Path, path: str, *, archives: bool = False) -> tuple[BinaryCache, ...]:
    """Return the caches to ask for an output, in the order of the variable.

    Its store path follows from its pin, so a cache that has it has what is pinned.

    Args:
        out: The output; where it is not in a store, there is nothing to ask for.
        path: What it is called in the caches' `paths`.
        archives: As of BinaryCache.

    Raises:
        SettingError: The variable has something else than URLs of caches.
    """
    urls = dict.fromkeys(os.environ.get(VARIABLE, "").split())
    for url in urls:
        if not is_server(url):
            raise SettingError(
                f"{VARIABLE}: {public(url)} is not the http(s) URL of a binary cache",
                "write URLs like http://cache.example.org:8080, with spaces between them, and "
                f"without user, password and what follows ?{whose()}",
            )
    if not _STORE_NAME.fullmatch(out.name):
        return ()
    return tuple(_cache(url.rstrip("/"), {path: out.name}, archives=archives) for url in urls)


def _cache(url: str, paths: Mapping[str, str], *, archives: bool) -> BinaryCache:
    files = Directory(url, _CONNECT_SECONDS, patience=_PATIENCE)
    facts = replace(files, read_seconds=_ANSWER_SECONDS)
    return BinaryCache(files, paths, archives=archives, optional=True, facts=facts)
