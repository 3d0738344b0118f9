"""What every source kind offers the rest of the fetcher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.errors import FetchError, StatusError
    from aimodels_fetcher.transport import Client


@dataclass(frozen=True)
class RemoteFile:
    """A row of a listing.

    Args:
        path: Path in the repository, as the source spells it.
        size: Bytes, or None where the source does not say.
        sha256: Hex digest of the content where the source publishes it.
        git_blob_id: Git's id of the content where it publishes that instead.
        lfs: Whether git holds a pointer in its place.
    """

    path: str
    size: int | None
    sha256: str | None
    git_blob_id: str | None
    lfs: bool


class Source(Protocol):
    """What the rest of the fetcher needs of a source."""

    @property
    def label(self) -> str:
        """Name for messages, such as `org/name@01c7f73`."""

    @property
    def place(self) -> str:
        """Name of where it is, for messages: an address without secrets."""

    @property
    def refs(self) -> tuple[str, ...]:
        """Names under `refs/` that lead to the commit."""

    @property
    def has_tree_listing(self) -> bool:
        """Whether the entry gets huggingface_hub's `trees/<commit>.json`."""

    def commit(self, files: Mapping[str, str]) -> str:
        """Give the commit that the snapshot is named after, 40 hex digits.

        Args:
            files: Path -> sha256 hex digest, for sources without commits.
        """

    def client(self, connections: int) -> Client:
        """Get ready to connect, with the credentials of the environment.

        Args:
            connections: How many to keep open.
        """

    def listing(self, client: Client) -> tuple[str, list[RemoteFile]]:
        """Resolve the revision and list all its files: the commit, and a row a file."""

    def url(self, path: str, commit: str) -> str:
        """Give the address to GET the content of a file at."""

    def explain(self, error: StatusError) -> FetchError:
        """Turn an answer that refuses into a message with the next step."""
