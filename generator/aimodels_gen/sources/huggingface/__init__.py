"""Repositories of the Hugging Face Hub: what a manifest may say about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

if TYPE_CHECKING:
    from aimodels_gen.sources import Client
    from aimodels_gen.tables import Table

DEFAULT_REF = "main"
REPO_TYPES = ("model", "dataset", "space")
# One part of `org/name`: what huggingface_hub's `validate_repo_id` accepts.
_REPO_PART = re.compile(r"(?=.{1,96}\Z)[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
# What git's check-ref-format refuses, and so can be no branch or tag.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[/.]|[/.]\Z|/\.|\.lock(?:/|\Z)")
_ENDPOINT = re.compile(r"https?://[^\s/@?#]+(?:/[^\s@?#]*)?\Z")


def is_repo_part(text: str) -> bool:
    """Return whether `text` can be the org or the name of a repository, and so of a cache entry."""
    return bool(_REPO_PART.match(text)) and ".." not in text and "--" not in text


def is_commit(text: str) -> bool:
    """Return whether `text` is a full commit id: 40 lower-case hex digits."""
    return bool(_COMMIT.match(text))


@dataclass(frozen=True)
class HuggingFace:
    """A repository at a ref, or at an exact commit.

    Attributes:
        repo: `org/name`, or a bare name for the Hub's oldest models.
        ref: the branch, tag or `refs/pr/N` to follow; it also names the entry's refs/ file.
        rev: the exact commit in 40 hex digits, None before it is resolved.
        repo_type: one of REPO_TYPES.
        endpoint: the Hub's address, None for HF_ENDPOINT or https://huggingface.co.
    """

    kind: ClassVar[str] = "huggingface"

    repo: str
    ref: str = DEFAULT_REF
    rev: str | None = None
    repo_type: str = "model"
    endpoint: str | None = None

    @classmethod
    def from_toml(cls, table: Table) -> HuggingFace:
        """Read `source.huggingface` of a manifest; see `Source.from_toml`."""
        repo, ref, rev = table.string("repo"), table.string("ref"), table.string("rev")
        if repo is None:
            table.fail(None, "has no repo", 'add repo = "org/name"')
        _check_repo(table, repo)
        if ref is not None and rev is not None:
            table.fail("rev", "is given together with ref", "keep rev to stay, or ref to follow")
        if ref is not None and is_commit(ref):
            ref, rev = None, ref
        if rev is not None and not is_commit(rev):
            hint = "write the full commit in 40 lower-case hex digits; a branch or tag goes in ref"
            table.fail("rev", f"is {rev!r}", hint)
        if ref is not None and _BAD_REF.search(ref):
            table.fail("ref", f"is {ref!r}", "write a branch, a tag or refs/pr/N")
        return cls(
            repo=repo,
            ref=ref or DEFAULT_REF,
            rev=rev,
            repo_type=table.choice("repo_type", REPO_TYPES) or "model",
            endpoint=_endpoint(table),
        )

    @classmethod
    def from_lock(cls, table: Table) -> HuggingFace:
        """Read `source.huggingface` of a lock, where the exact commit must stand."""
        repo, rev = table.string("repo"), table.string("rev")
        if repo is None or rev is None or not is_commit(rev):
            table.fail(None, "lacks its repo or its 40-digit rev", "restore or delete the lock")
        return cls(
            repo=repo,
            ref=table.string("ref") or DEFAULT_REF,
            rev=rev,
            repo_type=table.choice("repoType", REPO_TYPES) or "model",
            endpoint=table.string("endpoint"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the attributes of `source.huggingface` in Nix, defaults left out."""
        defaults = {"ref": DEFAULT_REF, "repoType": "model"}
        return {
            name: value
            for name, value in self.fetcher_spec().items()
            if value is not None and value != defaults.get(name)
        }

    def identity(self) -> dict[str, Any]:
        """Return what decides the content."""
        facts = {"type": self.kind, **self.fetcher_spec()}
        del facts["endpoint"]  # a mirror has the same commits
        return facts

    def at(self, rev: str | None) -> HuggingFace:
        """Return this source at an exact commit."""
        return replace(self, rev=rev)

    def resolved_like(self, locked: HuggingFace) -> HuggingFace:
        """Return this source at the commit of `locked`."""
        return self.at(locked.rev)

    def fetcher_spec(self) -> dict[str, Any]:
        """Return every attribute, for the bundled fetcher."""
        return {
            "repo": self.repo,
            "ref": self.ref,
            "rev": self.rev,
            "repoType": self.repo_type,
            "endpoint": self.endpoint,
        }

    @property
    def label(self) -> str:
        """Return `org/name`, with the Hub's prefix where it is no model."""
        return self.repo if self.repo_type == "model" else f"{self.repo_type}s/{self.repo}"

    @property
    def version(self) -> str:
        """Return the first seven digits of the commit."""
        return (self.rev or "")[:7]

    @property
    def followed(self) -> str:
        """Return the ref."""
        return self.ref

    def connect(self) -> Client:
        """Import huggingface_hub, which takes longer than all the rest, and return a client."""
        module = import_module("aimodels_gen.sources.huggingface.client")
        return cast("Client", module.HubClient())


def _check_repo(table: Table, repo: str) -> None:
    parts = repo.split("/")
    if len(parts) <= 2 and all(map(is_repo_part, parts)) and not repo.endswith(".git"):  # noqa: PLR2004 - org/name
        return
    hint = "write org/name, as at the top of the model's page"
    if parts[0] in {"datasets", "spaces"}:
        kind = parts[0].removesuffix("s")
        hint = f'write repo = "{"/".join(parts[1:3])}" and repo_type = "{kind}"'
    elif "://" in repo:
        hint = f'write only org/name, here "{"/".join(parts[3:5])}"'
    table.fail("repo", f"is {repo!r}, which is no repository id", hint)


def _endpoint(table: Table) -> str | None:
    endpoint = table.string("endpoint")
    if endpoint is not None and not _ENDPOINT.match(endpoint):
        hint = "write an address like https://hub.example.org, without user, password or query"
        table.fail("endpoint", "is no http(s) address of a server", hint)
    return endpoint.rstrip("/") if endpoint else None
