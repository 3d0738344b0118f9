"""The Hugging Face cache: how a model appears in it to every program that reads it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import msgspec

from aimodels_gen.tables import Text, about

# One part of `org/name`: what huggingface_hub's `validate_repo_id` accepts.
_REPO_PART = re.compile(r"(?=.{1,96}\Z)[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?\Z")


class Integration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model appears to the Hugging Face libraries; None means: as its source calls it."""

    enable: Annotated[bool, about("Whether the result is a cache entry or the plain files.")] = True
    org: Annotated[Text | None, about("The organisation in the cache.")] = None
    model: Annotated[Text | None, about("The name in the cache.")] = None

    def entry_name(self, parts: tuple[str | None, str | None, str]) -> str | None:
        """Return the name of an entry in a cache, as `hfCachePath` in Nix; None without one.

        Args:
            parts: org, name and type of the source's repository, None for none.
        """
        org, model, repo_type = parts
        name = self.model or model
        if not self.enable or name is None:
            return None
        return cache_name(self.org or org, name, repo_type)


def cache_name(org: str | None, model: str, repo_type: str = "model") -> str:
    """Return the directory of a repository in the cache; see `mkCacheName` in nix/names.nix."""
    return f"{repo_type}s--{f'{org}--' if org else ''}{model}"


def is_repo_part(text: str) -> bool:
    """Return whether `text` can be the org or the name of a repository, and so of a cache entry."""
    return bool(_REPO_PART.match(text)) and ".." not in text and "--" not in text


def hub_cache() -> Path:
    """Return the cache that huggingface_hub uses here, as its variables say it.

    Importing huggingface_hub would take longer, and read HF_ENDPOINT for good.
    """
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if not named:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = os.environ.get("HF_HOME") or f"{caches}/huggingface"
        named = f"{home}/hub"
    return Path(os.path.expandvars(os.path.expanduser(named)))  # noqa: PTH111 (a user may have no home)
