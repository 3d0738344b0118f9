"""The Hugging Face Hub and its mirrors (HTTP API: https://huggingface.co/docs/hub/api)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import check_repo_path
from aimodels_fetcher.sources.base import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.transport import Client, StatusError

DEFAULT_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class HuggingFace:
    """A repository on the Hub.

    Args:
        repo: `org/name`, or `name` for the few old ones without an organisation.
        rev: Commit, 40 hex digits, or None to resolve `ref` when fetching.
        ref: Branch, tag or `refs/pr/N` that the commit stands for.
        repo_type: `model`, `dataset` or `space`.
        endpoint: Base URL without a trailing slash.
    """

    repo: str
    rev: str | None
    ref: str
    repo_type: str
    endpoint: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HuggingFace:
        """Read the `source.huggingface` of a spec; HF_ENDPOINT stands in for a null endpoint."""
        endpoint = data["endpoint"] or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        return cls(
            data["repo"], data["rev"], data["ref"], data["repoType"], str(endpoint).rstrip("/")
        )

    @property
    def label(self) -> str:
        """Name for messages, such as `org/name@01c7f73`."""
        return f"{self.repo}@{self.rev[:7] if self.rev else self.ref}"

    @property
    def refs(self) -> tuple[str, ...]:
        """`main`, so that a load without a revision finds the snapshot, and the ref itself."""
        return tuple(dict.fromkeys(["main", check_repo_path(self.ref)]))

    @property
    def has_tree_listing(self) -> bool:
        """The Hub has tree listings, and huggingface_hub looks for their cache."""
        return True

    def commit(self, files: Mapping[str, str]) -> str:  # noqa: ARG002 (the Hub has commits)
        """Give the pinned commit.

        Raises:
            FetchError: There is none.
        """
        if self.rev is None:
            raise FetchError(f"{self.label} has no rev", "pin the commit: rev = <40 hex digits>")
        return self.rev

    def client(self) -> Client:
        """Open connections; the token goes to the endpoint's own host only."""
        from aimodels_fetcher.transport import Client  # noqa: PLC0415 (requests is slow to import)

        return Client(self.endpoint, _token())

    def listing(self, client: Client) -> tuple[str, list[RemoteFile]]:
        """Resolve the ref where no commit is pinned, then list recursively over all pages.

        Raises:
            FetchError: The answers are not those of a Hub, or name paths that no one may create.
        """
        base = f"{self.endpoint}/api/{self.repo_type}s/{self.repo}"
        try:
            commit = self.rev
            if commit is None:
                info, _ = client.get_json(f"{base}/revision/{quote(self.ref, safe='')}")
                commit = _checked_commit(info["sha"])
            files: list[RemoteFile] = []
            page: str | None = f"{base}/tree/{commit}?recursive=True"
            while page:
                rows, page = client.get_json(page)
                files += [_remote_file(row) for row in rows if row["type"] == "file"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FetchError(
                f"{self.endpoint} does not answer like a Hub about {self.label}",
                "check HF_ENDPOINT and the model's endpoint",
            ) from error
        return commit, files

    def url(self, path: str, commit: str) -> str:
        """Give the `resolve` URL, which redirects to wherever the bytes are."""
        prefix = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"{self.endpoint}/{prefix}{self.repo}/resolve/{commit}/{quote(path)}"

    def explain(self, error: StatusError) -> FetchError:
        """Tell gated, private, missing and withdrawn repositories and revisions apart."""
        prefix = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        page = f"{self.endpoint}/{prefix}{self.repo}"
        hint = ""
        if error.code == "GatedRepo":
            hint = f"the repository is gated: ask for access at {page}; {_token_hint()}"
        elif error.code == "RevisionNotFound":
            hint = f"there is no such revision (any more): look at {page}/commits/main"
        elif error.code == "EntryNotFound":
            hint = "the revision has no such file: lock again"
        elif error.code == "RepoNotFound" or error.status in {401, 403, 404}:
            hint = f"missing, renamed or private (see {page}), or a bad token; {_token_hint()}"
        return FetchError(f"{self.label}: {error}", hint)


def _checked_commit(sha: str) -> str:
    # It becomes the name of a folder.
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise ValueError(sha)
    return sha


def _remote_file(row: Mapping[str, Any]) -> RemoteFile:
    path = check_repo_path(row["path"])
    lfs = row.get("lfs")
    if lfs:
        return RemoteFile(path, int(lfs["size"]), str(lfs["oid"]), git_blob_id=None, lfs=True)
    return RemoteFile(path, int(row["size"]), sha256=None, git_blob_id=str(row["oid"]), lfs=False)


def _token_hint() -> str:
    # Nix sets this for builds, and the generator runs outside of one.
    if not os.environ.get("NIX_BUILD_TOP"):
        return "set HF_TOKEN or run `hf auth login`"
    return (
        "builds get the token from nix-daemon's environment, not from your shell: set HF_TOKEN "
        "(or HF_TOKEN_PATH, a file that the sandbox may read) for the daemon"
    )


def _token() -> str | None:
    """Read the token as huggingface_hub does: HF_TOKEN, then the file that HF_TOKEN_PATH names."""
    token = os.environ.get("HF_TOKEN")
    file = os.environ.get("HF_TOKEN_PATH")
    if not token and file:
        try:
            token = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise FetchError(
                f"cannot read the token file {file}: {error.strerror}",
                "it must be readable in the build sandbox: see extra-sandbox-paths in nix.conf",
            ) from error
    return token.strip() or None if token else None
