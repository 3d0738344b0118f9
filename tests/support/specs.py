"""Specs for the bundled fetcher, as the Nix library would write them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from support.fake_repo import sha256

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub, Repo


def source(hub: Hub, repo: Repo, **changes: Any) -> dict[str, Any]:
    """The `source` of a spec for a repository of the test Hub, pinned to its newest commit."""
    arguments = {
        "repo": repo.id,
        "rev": repo.sha,
        "ref": "main",
        "repoType": repo.type,
        "endpoint": hub.url,
    }
    return {"huggingface": {**arguments, **changes}}


def sri(content: Content) -> str:
    """The SRI hash of content."""
    return "sha256-" + base64.b64encode(bytes.fromhex(sha256(content))).decode()


def file_pin(path: str, content: Content) -> dict[str, Any]:
    """The rest of a spec for one file."""
    return {"path": path, "hash": sri(content), "size": len(content)}


EVERYTHING: dict[str, Any] = {"include": None, "exclude": [], "integration": True}
"""The rest of a spec for an entry with all files."""
