"""What every kind of source offers the rest of the fetcher."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.errors import FetchError, StatusError
    from aimodels_fetcher.http_client import Client


@dataclass(frozen=True)
class RemoteFile:
    """A row of a listing.

    Args:
        path: Path in the model, as the source spells it. It may be hostile.
        size: Bytes, or None where the source does not say.
        sha256: Hex digest of the content where the source publishes it.
        git_blob_id: Git's id of the content where it publishes that instead.
        lfs: Whether git holds a pointer in its place.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    git_blob_id: str | None = None
    lfs: bool = False


class Source(ABC):
    """One place that has a model, or some of its files.

    Attributes:
        has_tree_listing: Whether the entry gets huggingface_hub's `trees/<commit>.json`.
    """

    has_tree_listing: ClassVar[bool] = False

    @property
    @abstractmethod
    def label(self) -> str:
        """Name for messages, such as `org/name@01c7f73`."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Name of where it is, for messages: an address without secrets."""

    @property
    def refs(self) -> tuple[str, ...]:
        """Names under `refs/` that lead to the commit: `main` is for loads without a revision."""
        return ("main",)

    def at(self, resolved: Source) -> Source:  # noqa: ARG002 (most sources have no commits)
        """Give the same source at the commit of a resolved one, if that is of the same commits."""
        return self

    def commit(self, files: Mapping[str, str]) -> str:
        """Give the commit that the snapshot is named after, 40 hex digits.

        For sources without commits it is made of the content.

        Args:
            files: Path -> sha256 hex digest.
        """
        lines = sorted(f"{sha256}  {path}\n" for path, sha256 in files.items())
        return hashlib.sha1("".join(lines).encode(), usedforsecurity=False).hexdigest()

    @abstractmethod
    def client(self, connections: int) -> Client:
        """Get ready to connect, with the credentials of the environment.

        Args:
            connections: How many to keep open.

        Raises:
            FetchError: The environment makes it impossible.
        """

    @abstractmethod
    def listing(self, client: Client) -> tuple[Source, list[RemoteFile]]:
        """List all files: the source at its exact revision, and a row a file.

        Raises:
            FetchError, StatusError: It cannot.
        """

    @abstractmethod
    def url(self, path: str) -> str | None:
        """Give the address to GET the content of a file at, or None where it is not here."""

    @abstractmethod
    def explain(self, error: StatusError) -> FetchError:
        """Turn an answer that refuses into a message with the next step."""
