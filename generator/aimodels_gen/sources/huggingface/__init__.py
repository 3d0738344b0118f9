"""Repositories of the Hugging Face Hub: what a manifest may say about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

import msgspec

from aimodels_engines.quants import is_quant, is_quant_name
from aimodels_fetcher.urls import is_server, is_shown, public, quoted
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.sources.base import Source
from aimodels_gen.tables import OneOrMore, Text, about

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimodels_gen.sources.base import Choice
    from aimodels_gen.tables import Place

DEFAULT_REF = "main"
_HUB = "https://huggingface.co"
RepoType = Literal["model", "dataset", "space", "kernel"]
HUB_HOSTS = frozenset(
    ("hf-mirror.com", "hf.co", "huggingface.co", "www.hf-mirror.com", "www.huggingface.co")
)
"""Hosts whose addresses people paste."""
# What stands before a repository's name in addresses: no organisation can have these names.
_NO_ORGS = {*(f"{kind}s" for kind in get_args(RepoType)), *HUB_HOSTS}
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_QUANT = (
    "Take the GGUF files of this quantisation, such as Q4_K_M, or of several, and what include "
    "matches."
)
_MMPROJ = (
    "With quant: take the mmproj file as well; true for the one that llama.cpp takes, or its "
    "quantisation, such as F16."
)
# What git's check-ref-format refuses, and so cannot be a branch or tag.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[/.]|[/.]\Z|/\.|\.lock(?:/|\Z)")


def is_commit(text: str) -> bool:
    """Return whether `text` is a full commit id: 40 lower-case hex digits."""
    return bool(_COMMIT.match(text))


class HuggingFace(Source, frozen=True, forbid_unknown_fields=True):
    """A repository at a ref, or at an exact commit.

    Attributes:
        repo: `org/name`, or a bare name for the Hub's oldest models.
        ref: the branch, tag or `refs/pr/N` to follow; it also names the entry's refs/ file.
        rev: the exact commit in 40 hex digits, None before it is resolved.
        endpoint: URLs of a Hub and its mirrors without trailing slashes, to try in order; None for
            HF_ENDPOINT or https://huggingface.co.
        quant: the quantisations of the GGUF files to take, in upper case; None for all files.
        mmproj: whether to take the encoder of images or sound as well, or its quantisation.
    """

    kind: ClassVar[str] = "huggingface"
    example: ClassVar[str] = 'source.huggingface = { repo = "org/name" }'
    has_repo_id: ClassVar[bool] = True

    repo: Annotated[Text, about("The repository, as org/name on the Hub.", add='repo = "org/name"')]
    ref: Annotated[Text, about("The branch, tag or refs/pr/N to follow.")] = DEFAULT_REF
    rev: Annotated[Text | None, about("The exact commit, 40 hex digits, instead of ref.")] = None
    repo_type: Annotated[RepoType, about("What the repository holds.")] = "model"
    endpoint: Annotated[
        OneOrMore | None, about("The URL of a mirror, or several to try in order.", role="location")
    ] = None
    quant: Annotated[OneOrMore | None, about(_QUANT, role="choice")] = None
    mmproj: Annotated[bool | Text | None, about(_MMPROJ, role="choice")] = None

    def checked(self, place: Place, given: Collection[str]) -> HuggingFace:
        """Return it with a commit in `rev` alone, and the quantisation apart from `repo`."""
        repo, colon, named = self.repo.partition(":")
        repo, named = (repo, named) if colon and is_quant(named) else (self.repo, "")
        _check_repo(place, repo)
        ref, rev = self.ref, self.rev
        if {"ref", "rev"} <= set(given):
            place.fail("rev", "is set together with ref", "keep rev to stay, or ref to follow")
        if is_commit(ref.lower()):
            ref, rev = DEFAULT_REF, ref.lower()
        if rev is not None and not is_commit(rev):
            hint = "write the full commit in 40 lower-case hex digits; a branch or tag goes in ref"
            place.fail("rev", f"is {quoted(rev)}", hint)
        if _BAD_REF.search(ref):
            place.fail("ref", f"is {quoted(ref)}", "write a branch, a tag or refs/pr/N")
        self.check_addresses(place)
        endpoint = _normalised(self.endpoint) if self.endpoint else None
        if named and self.quant:
            place.fail("quant", "is set, and repo names one, too")
        quant, mmproj = _choice(place, self.quant or ((named,) if named else ()), self.mmproj)
        return msgspec.structs.replace(
            self, repo=repo, ref=ref, rev=rev, endpoint=endpoint, quant=quant, mmproj=mmproj
        )

    @property
    def choice(self) -> Choice | None:
        """Return what takes GGUF files by their quantisation; see `Source.choice`."""
        if not self.quant:
            return None
        from aimodels_gen.sources.huggingface.quants import GgufChoice  # noqa: PLC0415 - rarely

        return GgufChoice(self.label, self.quant, self.mmproj)

    def check_addresses(self, place: Place) -> None:
        """Refuse endpoints that hold a password; see `Source.check_addresses`."""
        given = self.endpoint or ()
        for number, endpoint in enumerate(given, 1):
            if not is_server(endpoint):
                # It is not quoted, because it may hold a password.
                which = f" (the one in place {number})" if len(given) > 1 else ""
                hint = "write a URL like https://hub.example.org, without user, password or query"
                reason = f"is not an http(s) address of a server{which}"
                place.fail("endpoint", reason, place.repair or hint)

    def check_pin(self, place: Place) -> None:
        """Refuse a lock without an exact commit; see `Source.check_pin`."""
        if not is_commit(self.rev or ""):
            place.fail(None, "lacks its repo or its 40-digit rev")

    def at(self, rev: str | None) -> HuggingFace:
        """Return this source at an exact commit."""
        return msgspec.structs.replace(self, rev=rev)

    def at_pinned_revision(self, pinned: HuggingFace) -> HuggingFace:
        """Return this source at the commit of `pinned`."""
        return self.at(pinned.rev)

    def at_revision(self, revision: str) -> HuggingFace | None:
        """Return this source at a commit, branch or tag; see `Source.at_revision`."""
        if is_commit(revision.lower()):
            return self.at(revision.lower())
        return msgspec.structs.replace(self, ref=revision, rev=None)

    def compare_url(self, newer: HuggingFace) -> str | None:
        """Return the page of the Hub, or of the mirror in its place; see `Source.compare_url`."""
        same = (self.repo, self.repo_type) == (newer.repo, newer.repo_type)
        if not same or not self.rev or not newer.rev or self.rev == newer.rev:
            return None
        from aimodels_fetcher.sources.huggingface import (  # noqa: PLC0415 - slow to import
            endpoints,
            trusted_endpoint,
        )

        endpoint = public(trusted_endpoint(endpoints(newer.endpoint or ())))
        return f"{endpoint}/{newer.label}/compare/{self.rev}..{newer.rev}"

    @property
    def is_exact(self) -> bool:
        """Return whether there is a commit."""
        return self.rev is not None

    @property
    def cache_parts(self) -> tuple[str | None, str | None, str]:
        """Return org and name of the repository, and its type."""
        org, _, name = self.repo.rpartition("/")
        return org or None, name, self.repo_type

    @property
    def holds_weights(self) -> bool:
        """Return whether it is a model."""
        return self.repo_type == "model"

    @property
    def label(self) -> str:
        """Return `org/name`, with the Hub's prefix where it is not a model."""
        return self.repo if self.repo_type == "model" else f"{self.repo_type}s/{self.repo}"

    @property
    def version(self) -> str:
        """Return the first seven digits of the commit."""
        return (self.rev or "")[:7]

    @property
    def revision(self) -> str | None:
        """Return the commit."""
        return self.rev

    @property
    def page(self) -> str:
        """Return the address of the files at this commit, on the first of its Hubs."""
        hub = self.endpoint[0] if self.endpoint else _HUB
        return f"{hub}/{self.label}/tree/{self.rev or self.ref}"

    @property
    def tracked_ref(self) -> str:
        """Return the ref."""
        return self.ref


def _check_repo(place: Place, repo: str) -> None:
    parts = repo.split("/")
    if (
        len(parts) <= 2  # noqa: PLR2004 - org/name
        and all(map(is_repo_part, parts))
        and not repo.endswith(".git")
        and (len(parts) == 1 or parts[0].lower() not in _NO_ORGS)
    ):
        return
    hint = "write org/name, as at the top of the model's page"
    if "://" in repo and not repo.startswith("hf:"):
        hint += (
            '; for a file elsewhere, source.url.files = { "model.gguf" = "https://…/model.gguf" }'
        )
    shown = f"{quoted(repo)}, which is " if is_shown(repo) or repr(repo) == quoted(repo) else ""
    place.fail("repo", f"is {shown}not a repository id", hint)


def _choice(
    place: Place,
    quants: Collection[str],
    mmproj: str | bool | None,  # noqa: FBT001 - or a name
) -> tuple[OneOrMore | None, bool | str | None]:
    """Return what to take of the GGUF files, in one form whatever its case and order."""
    for key, named in (("quant", quants), ("mmproj", [mmproj] if isinstance(mmproj, str) else [])):
        if wrong := next((one for one in named if not is_quant_name(one)), None):
            hint = 'write the quantisation as in the name of the file, such as "Q4_K_M"'
            place.fail(key, f"is {quoted(wrong)}, which is not the name of a quantisation", hint)
    if mmproj and not quants:
        hint = 'add quant = "Q4_K_M", or another one: without it all files are taken'
        place.fail("mmproj", "is set without quant", hint)
    found = OneOrMore(sorted({quant.upper() for quant in quants})) if quants else None
    return found, mmproj.upper() if isinstance(mmproj, str) else mmproj or None


def _normalised(endpoints: OneOrMore) -> OneOrMore:
    return OneOrMore(dict.fromkeys(endpoint.rstrip("/") for endpoint in endpoints))


SOURCE = HuggingFace
