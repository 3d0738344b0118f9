"""Repositories of the Hugging Face Hub: what a manifest may say about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

from aimodels_fetcher.urls import is_server
from aimodels_gen.nix.store_path import is_repo_part
from aimodels_gen.sources.base import Client, Source
from aimodels_gen.sources.huggingface.endpoints import of_the_environment, only, trusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_gen.tables import Table

DEFAULT_REF = "main"
REPO_TYPES = ("model", "dataset", "space")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
# What git's check-ref-format refuses, and so can be no branch or tag.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[/.]|[/.]\Z|/\.|\.lock(?:/|\Z)")


def is_commit(text: str) -> bool:
    """Return whether `text` is a full commit id: 40 lower-case hex digits."""
    return bool(_COMMIT.match(text))


@dataclass(frozen=True)
class HuggingFace(Source):
    """A repository at a ref, or at an exact commit.

    Attributes:
        repo: `org/name`, or a bare name for the Hub's oldest models.
        ref: the branch, tag or `refs/pr/N` to follow; it also names the entry's refs/ file.
        rev: the exact commit in 40 hex digits, None before it is resolved.
        repo_type: one of REPO_TYPES.
        endpoints: addresses of a Hub and its mirrors without trailing slashes, to try in order;
            none for HF_ENDPOINT or https://huggingface.co.
    """

    kind: ClassVar[str] = "huggingface"
    example: ClassVar[str] = 'source.huggingface = { repo = "org/name" }'
    names_itself: ClassVar[bool] = True

    repo: str
    ref: str = DEFAULT_REF
    rev: str | None = None
    repo_type: str = "model"
    endpoints: tuple[str, ...] = ()

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
            endpoints=_endpoints(table),
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
            endpoints=table.one_or_more("endpoint") or (),
        )

    def to_nix(self) -> dict[str, Any]:
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

    def fetcher_spec(self, path: str | None = None) -> dict[str, Any]:  # noqa: ARG002 - any
        """Return every attribute, for the bundled fetcher; a single endpoint is no list."""
        first, *others = self.endpoints or (None,)
        return {
            "repo": self.repo,
            "ref": self.ref,
            "rev": self.rev,
            "repoType": self.repo_type,
            "endpoint": [first, *others] if others else first,
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

    def connect(self, warn: Callable[[str], None]) -> Client[Any]:
        """Import huggingface_hub, which takes longer than all the rest, and return a client."""
        default = of_the_environment()
        with only(trusted(default)):
            module = import_module("aimodels_gen.sources.huggingface.client")
        return cast("Client[Any]", module.HubClient(default, warn))


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


def _endpoints(table: Table) -> tuple[str, ...]:
    given = table.one_or_more("endpoint") or ()
    for number, endpoint in enumerate(given, 1):
        if not is_server(endpoint):
            # It is not quoted, because it may hold a password.
            place = f" (the one in place {number})" if len(given) > 1 else ""
            hint = "write an address like https://hub.example.org, without user, password or query"
            table.fail("endpoint", f"is no http(s) address of a server{place}", hint)
    return tuple(dict.fromkeys(endpoint.rstrip("/") for endpoint in given))


SOURCE = HuggingFace
